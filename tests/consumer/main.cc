#include <fmt/format.h>

#include "engine/tape/tape_reader.h"
#include "engine/tape/tape_writer.h"

using namespace tapedeck;

namespace {

core::Status write_and_read(const char* path) {
  TD_ASSIGN(tape::TapeWriter writer, tape::TapeWriter::create(path, {}));
  const tape::TopicId topic = writer.add_topic("demo/A");
  const tape::SourceId source = writer.add_source("consumer", "none");
  TD_TRY(writer.append(
      tape::Lane(0),
      {.capture_time = tape::Nanos(1), .topic = topic, .source = source, .payload = core::as_bytes("hello")}));
  TD_TRY(writer.seal());
  TD_ASSIGN(const tape::TapeReader reader, tape::TapeReader::open(path));
  if (reader.totals().records != 1) return core::fail("{} has {} records, not 1", path, reader.totals().records);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return static_cast<int>(core::ExitCode::kUsage);
  const core::Status status = write_and_read(argv[1]);
  if (!status) fmt::print(stderr, "{}\n", status.error().message);
  return static_cast<int>(status ? core::ExitCode::kOk : status.error().code);
}
