#include "replay/direct_worker.h"

#include "engine/blackbox/worker.h"
#include "replay/report.h"

namespace tapedeck::replay {

DirectWorker::DirectWorker(const Context& context, const LaneShare& share, std::unique_ptr<blackbox::Handler> handler)
    : context_(context),
      reader_(context.what, share),
      handler_(std::move(handler)),
      pool_(1, kRunOverhead + run_bytes_max(context.what.tape, !context.what.selection.is_whole_tape(),
                                            context.what.batch_bytes)) {}

void DirectWorker::run() {
  while (!context_.stop.requested()) {
    Run run;
    run.buffer = core::BufferLease(pool_.acquire(context_.stop));
    if (!run.buffer) return;
    const RunReader::Read read = reader_.read(run);
    if (read == RunReader::Read::kEnd) return;
    if (read == RunReader::Read::kRun) handle_run(run);
  }
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
    records_lost_[run.lane] += header.record_count;
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
  add_lost(damage, records_lost_, tape::Damage::kRaw);
  return damage;
}

}  // namespace tapedeck::replay
