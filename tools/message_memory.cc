#include "tools/message_memory.h"

#ifdef TAPEDECK_MIMALLOC
#include <mimalloc.h>
#endif

namespace tapedeck::tools {

void keep_message_memory() {
#ifdef TAPEDECK_MIMALLOC
  constexpr long kNever_ms = 1'000'000'000;  // what there is already was made with leave to give it back
  mi_option_disable(mi_option_allow_decommit);
  mi_option_set(mi_option_decommit_delay, kNever_ms);
  mi_option_set(mi_option_segment_decommit_delay, kNever_ms);
#endif
}

}  // namespace tapedeck::tools
