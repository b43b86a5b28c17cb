#include "engine/tape/block_writer.h"

#include <utility>

namespace tapedeck::tape {

BlockWriter::BlockWriter(size_t queue_blocks, std::function<void()> on_start) : queue_blocks_(queue_blocks) {
  if (queue_blocks_ == 0) return;
  thread_ = std::thread([this, on_start = std::move(on_start)] {
    if (on_start) on_start();
    run();
  });
}

BlockWriter::~BlockWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BlockWriter::run() {
  Lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || (status_ && !queue_.empty()); });
    if (stop_) return;
    write_front(lock);
  }
}

void BlockWriter::write_front(Lock& lock) {
  FilledBlock& block = queue_.front();  // stays where it is, whatever is pushed behind it
  is_writing_ = true;
  lock.unlock();
  core::Status written = block.lane->write(block);
  lock.lock();
  is_writing_ = false;
  if (written) {
    spares_.push_back(std::move(block.builder));
    queue_.pop_front();
  } else {
    status_ = std::move(written);
    is_told_ = false;
  }
  changed_.notify_all();
}

core::Status BlockWriter::resume(Lock& lock) {
  if (status_) return {};
  if (!std::exchange(is_told_, true)) return status_;
  status_ = {};
  changed_.notify_all();
  return wait_for_room(lock, queue_.size() - 1);  // it has one at least: that which failed
}

core::Status BlockWriter::wait_for_room(Lock& lock, size_t queued_max) {
  if (thread_.joinable()) {
    changed_.wait(lock, [&] { return !status_ || queue_.size() <= queued_max; });
  } else {
    while (status_ && queue_.size() > queued_max) write_front(lock);
  }
  if (!status_) is_told_ = true;
  return status_;
}

core::Status BlockWriter::push(FilledBlock& block) {
  Lock lock(mutex_);
  TD_TRY(resume(lock));
  if (thread_.joinable()) TD_TRY(wait_for_room(lock, queue_blocks_ - 1));
  LaneFile* const lane = std::exchange(block.lane, nullptr);
  queue_.push_back(std::move(block));
  queue_.back().lane = lane;
  changed_.notify_all();
  return thread_.joinable() ? core::Status{} : wait_for_room(lock, 0);
}

core::Status BlockWriter::check() {
  Lock lock(mutex_);
  return resume(lock);
}

core::Status BlockWriter::drain() {
  Lock lock(mutex_);
  TD_TRY(resume(lock));
  return wait_for_room(lock, 0);
}

uint64_t BlockWriter::drop() {
  Lock lock(mutex_);
  changed_.wait(lock, [this] { return !is_writing_; });
  uint64_t records = 0;
  for (const FilledBlock& block : queue_) {
    records += block.frame.empty() ? block.builder.header().record_count : block.header.record_count;
  }
  queue_.clear();
  status_ = {};
  return records;
}

std::optional<BlockBuilder> BlockWriter::spare() {
  const Lock lock(mutex_);
  if (spares_.empty()) return std::nullopt;
  BlockBuilder builder = std::move(spares_.back());
  spares_.pop_back();
  return builder;
}

}  // namespace tapedeck::tape
