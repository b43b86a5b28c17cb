#include "bench/micro/samples.h"

#include <cstdlib>

#include "capture/capture.h"
#include "engine/tape/lane_cursor.h"
#include "tools/synth/itch_pcap.h"

namespace tapedeck::bench {
namespace {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "tapedeck-micro-XXXXXX";
    TD_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::filesystem::path recorded_feed() {
  const char* folder = std::getenv("TAPEDECK_DATA_DIR");
  return std::filesystem::path(folder != nullptr ? folder : TAPEDECK_DATA_DIR) / "iex-tops16-20170710/TOPS16.pcap";
}

std::filesystem::path synthetic_feed() {
  std::filesystem::path path = scratch_folder() / "itch.pcap";
  value_or_exit(synth::write_itch_pcap(path, {.messages = 100'000}, core::StopFlag()));
  return path;
}

std::vector<std::byte> records_of(const std::filesystem::path& feed) {
  const std::filesystem::path path = scratch_folder() / "market.tape";
  value_or_exit(capture::capture({.input = feed, .output = path, .tape = {.lanes = 1}, .feed = {}}, core::StopFlag(),
                                 [](const capture::Progress&) {}));
  const tape::TapeReader tape = value_or_exit(tape::TapeReader::open(path));
  std::vector<std::byte> records;
  tape::LaneCursor cursor(tape, tape.lanes().front());
  while (cursor.next() == tape::LaneCursor::Item::kBlock) {
    const core::Bytes block = cursor.block().records.bytes();
    records.insert(records.end(), block.begin(), block.end());
  }
  TD_CHECK(records.size() >= kMebibyte);
  return records;
}

Market make_market() {
  const std::filesystem::path recorded = recorded_feed();
  if (std::filesystem::exists(recorded)) return {recorded.parent_path().filename(), records_of(recorded)};
  return {"synthetic ITCH", records_of(synthetic_feed())};
}

}  // namespace

const Market& market() {
  static const Market market = make_market();
  return market;
}

const std::filesystem::path& scratch_folder() {
  static const ScratchFolder folder;
  return folder.path();
}

}  // namespace tapedeck::bench
