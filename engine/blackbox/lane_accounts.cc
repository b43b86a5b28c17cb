#include "engine/blackbox/lane_accounts.h"

namespace tapedeck::blackbox {

LaneAccounts::LaneAccounts() : accounts_(tape::kLanesMax) {}

void LaneAccounts::Account::take(uint64_t wire_count, const RunPiece& piece) {
  next_wire_sequence += wire_count;
  if (piece.digest.records > 0) digest.add(piece.digest.records, piece.digest.crc, piece.record_bytes);
}

void LaneAccounts::add(core::Lane lane, uint64_t wire_sequence, uint64_t wire_count, const RunPiece& piece) {
  Account& account = accounts_.at(lane.value);
  const std::lock_guard lock(account.mutex);
  if (wire_sequence != account.next_wire_sequence) {
    account.waiting[wire_sequence] = {wire_count, piece};
    return;
  }
  account.take(wire_count, piece);
  for (auto next = account.waiting.begin(); next != account.waiting.end() && next->first == account.next_wire_sequence;
       next = account.waiting.erase(next)) {
    account.take(next->second.wire_count, next->second.piece);
  }
}

std::map<core::Lane, tape::LaneDigest> LaneAccounts::digests() const {
  std::map<core::Lane, tape::LaneDigest> digests;
  for (size_t lane = 0; lane < accounts_.size(); ++lane) {
    const std::lock_guard lock(accounts_[lane].mutex);
    if (accounts_[lane].digest.records > 0) digests[core::Lane(static_cast<uint16_t>(lane))] = accounts_[lane].digest;
  }
  return digests;
}

}  // namespace tapedeck::blackbox
