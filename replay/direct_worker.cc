#include "replay/direct_worker.h"

#include "engine/blackbox/worker.h"

namespace tapedeck::replay {

DirectWorker::DirectWorker(const Context& context, const LaneShare& share, std::unique_ptr<blackbox::Handler> handler)
    : context_(context),
      share_(share),
      handler_(std::move(handler)),
      pool_(1, kRunOverhead + run_bytes_max(context.tape, !context.selection.is_whole_tape(), context.batch_bytes)) {}

void DirectWorker::run() {
  for (uint32_t pass = 0; context_.passes == 0 || pass < context_.passes; ++pass) {
    if (!run_pass(pass)) return;
  }
}

// False where there is no use in another one.
bool DirectWorker::run_pass(uint32_t pass) {
  LaneFeeds feeds(context_.tape, share_, context_.selection, context_.batch_bytes, context_.whole_blocks,
                  [this](const tape::DamageReport& damage) { note(damage); });
  const uint64_t records_before = records();
  while (LaneFeed* feed = feeds.earliest()) {
    if (context_.stop.requested()) return false;
    Run run;
    run.buffer = core::BufferLease(pool_.acquire(context_.stop));
    run.pass = pass;
    if (feed->read(run)) handle_run(run);
  }
  return records() > records_before;
}

void DirectWorker::note(const tape::DamageReport& damage) {
  if (damage_.size() < kDamageKept) damage_.push_back(damage);
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
    note({.file = tape::lane_folder(run.lane),
          .records_lost = header.record_count,
          .what = std::string(damage_name(damage))});
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

}  // namespace tapedeck::replay
