#include "engine/tape/ledger.h"

#include <algorithm>

namespace tapedeck::tape {
namespace {

constexpr size_t kSessionBytes = 16;
constexpr size_t kLossBytes = 48;

}  // namespace

std::string_view loss_cause_name(LossCause cause) {
  switch (cause) {
    case LossCause::kSequenceGap: return "sequence_gap";
    case LossCause::kOversized: return "oversized";
    case LossCause::kCutPacket: return "cut_packet";
    case LossCause::kCutFile: return "cut_file";
    case LossCause::kNotWritten: return "not_written";
    case LossCause::kLostRecords: return "lost_records";
    case LossCause::kNotConverted: return "not_converted";
  }
  return "unknown";
}

std::vector<std::byte> encode_losses(const std::vector<Loss>& losses) {
  std::vector<std::byte> out;
  out.reserve(losses.size() * kLossBytes);
  for (const Loss& loss : losses) {
    core::append_le(out, loss.source.value);
    core::append_le(out, static_cast<uint16_t>(loss.cause));
    core::append_le(out, loss.lane.value);
    core::append_le(out, loss.first);
    core::append_le(out, loss.count);
    core::append_le(out, loss.time.value);
    const size_t session_at = out.size();
    core::append_bytes(out, core::as_bytes(loss.session).first(std::min(loss.session.size(), kSessionBytes)));
    out.resize(session_at + kSessionBytes, std::byte{0});
  }
  return out;
}

core::Result<std::vector<Loss>> decode_losses(Bytes body) {
  if (body.size() % kLossBytes != 0) {
    return core::fail_with(core::ExitCode::kDamaged, "ledger frame of {} bytes is no number of entries", body.size());
  }
  core::ByteReader reader(body);
  std::vector<Loss> losses;
  losses.reserve(body.size() / kLossBytes);
  while (reader.ok() && reader.remaining() > 0) {
    Loss loss;
    loss.source = SourceId(reader.le<uint32_t>());
    loss.cause = static_cast<LossCause>(reader.le<uint16_t>());
    loss.lane = Lane(reader.le<uint16_t>());
    loss.first = reader.le<uint64_t>();
    loss.count = reader.le<uint64_t>();
    loss.time = Nanos(reader.le<uint64_t>());
    const std::string_view session = core::as_text(reader.take(kSessionBytes));
    loss.session = session.substr(0, session.find('\0'));
    losses.push_back(std::move(loss));
  }
  return losses;
}

}  // namespace tapedeck::tape
