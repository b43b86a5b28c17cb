// The memory of messages, of which a full-speed run allocates millions a second on one thread and frees them on
// another. The program's allocator is mimalloc for that (docs/decisions/0010-allocator.md), but for sanitizer builds.
#pragma once

namespace tapedeck::tools {

// Makes the allocator keep what is freed instead of giving it back to the system: touching a fresh page costs more than
// all else that is done to a message. Call it early in a program; it concerns the whole process.
void keep_message_memory();

}  // namespace tapedeck::tools
