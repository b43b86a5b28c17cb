#include "replay/direct_worker.h"

#include "engine/blackbox/worker.h"

namespace tapedeck::replay {

DirectWorker::DirectWorker(const Context& context, const LaneShare& share, std::unique_ptr<blackbox::Handler> handler)
    : context_(context),
      reader_(context.what, share),
      handler_(std::move(handler)),
      pool_(1, kRunOverhead + run_bytes_max(context.what.tape, !context.what.selection.is_whole_tape(),
                                            context.what.batch_bytes)) {}

void DirectWorker::run() {
  Run run;
  run.buffer = core::BufferLease(pool_.acquire(context_.stop));
  while (!context_.stop.requested()) {
    const Read read = reader_.read(run);
    if (read == Read::kEnd) return;
    if (read == Read::kNothing) continue;
    if (pass_before_was_in_vain(run)) return;
    handle_run(run);
  }
}

// Whether a pass begins after one of whose blocks none could be opened: all others would be like it.
bool DirectWorker::pass_before_was_in_vain(const Run& run) {
  if (run.pass < passes_) return false;
  const uint64_t before = std::exchange(records_before_pass_, receipt_.records);
  return passes_ > 0 && receipt_.records == before;
}

void DirectWorker::handle_run(const Run& run) {
  passes_ = run.pass + 1;
  read_[run.lane].add(run.piece.records, run.piece.crc, run.piece.record_bytes);
  ++receipt_.frames;
  for (core::Bytes rest = run.blocks(); !rest.empty() && failure_.empty();) {
    tape::BlockHeader header;
    std::memcpy(&header, rest.data(), sizeof header);  // the feed has verified it, and that the blocks fill the run
    const core::Bytes frame = rest.first(tape::frame_size(header));
    handle_block(run, header, frame);
    rest = rest.subspan(frame.size());
  }
}

void DirectWorker::handle_block(const Run& run, const tape::BlockHeader& header, core::Bytes frame) {
  tape::BlockView view;
  const tape::Damage damage = opener_.open_verified(frame, header, view);
  if (damage != tape::Damage::kNone) {
    ++receipt_.damaged_blocks;
    receipt_.records_lost += header.record_count;
    if (damage_.size() < kDamageKept) {
      damage_.push_back({.file = tape::lane_folder(run.lane),
                         .records_lost = header.record_count,
                         .what = std::string(damage_name(damage))});
    }
    return;
  }
  tape::LaneDigest& digest = receipt_.lanes[run.lane];
  failure_ = blackbox::call_handler(*handler_, {.lane = run.lane,
                                                .pass = run.pass,
                                                .wire_sequence = digest.records,
                                                .records = view,
                                                .topics = context_.topics});
  if (!failure_.empty()) {
    context_.stop.request();
    return;
  }
  digest.add(header.record_count, header.raw_crc, header.raw_size);
  receipt_.records += header.record_count;
  receipt_.record_bytes += header.raw_size;
  records_.store(receipt_.records, std::memory_order_relaxed);
}

std::vector<tape::DamageReport> DirectWorker::damage() const {
  std::vector<tape::DamageReport> damage = reader_.damage();
  damage.insert(damage.end(), damage_.begin(), damage_.end());
  return damage;
}

}  // namespace tapedeck::replay
