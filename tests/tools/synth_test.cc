// The command line of `tapedeck synth`: what it accepts, prints and leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/file.h"
#include "tests/scratch_folder.h"
#include "tools/commands.h"

namespace tapedeck::tools {

// As in the program, which is not linked here.
core::ExitCode report(const core::Error& error) {
  fmt::print(stderr, "tapedeck: {}\n", error.message);
  return error.code;
}

namespace {

using core::ExitCode;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  ExitCode code = ExitCode::kOk;
  std::string out;
  std::string err;
};

// `tapedeck synth` with `arguments`, separated by spaces.
Outcome synth(const std::string& arguments) {
  CLI::App program;
  Outcome outcome;
  add_synth(program, outcome.code);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  try {
    program.parse("synth " + arguments);
  } catch (const CLI::ParseError& error) {
    program.exit(error);
    outcome.code = ExitCode::kUsage;
  }
  std::fflush(nullptr);
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

class SynthCommand : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string_view name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string text(std::string_view name) const {
    return core::read_text_file(folder_ / name).value_or("nothing there");
  }
  ScratchFolder folder_;
};

TEST_F(SynthCommand, WritesASessionAndSaysSo) {
  const Outcome outcome = synth("-o " + path("s.pcap") + " --messages 2k --seed 3");
  EXPECT_EQ(outcome.code, ExitCode::kOk);
  EXPECT_THAT(outcome.out, HasSubstr("2,000 messages in "));
  EXPECT_THAT(outcome.out, HasSubstr("200 symbols"));
  EXPECT_THAT(text("s.pcap"), StartsWith("\x4d\x3c\xb2\xa1"));
}

TEST_F(SynthCommand, PrintsOneJsonObjectForASession) {
  const Outcome outcome = synth("-o " + path("s.pcap") + " --messages 5k --symbols 20 --json");
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("output"), path("s.pcap"));
  EXPECT_EQ(json.at("messages"), 5000);
  EXPECT_GT(json.at("packets"), 500);
  EXPECT_EQ(json.at("bytes"), text("s.pcap").size());
  EXPECT_EQ(json.at("symbols"), 20);
  EXPECT_GT(json.at("seconds"), 0);
  EXPECT_GT(json.at("messages_per_s"), 0);
}

TEST_F(SynthCommand, MakesATapeWithFixedWhateverItsName) {
  const std::string options = "--fixed 64 --topics 10 --lanes 4 --codec lz4 --messages 1k --json -o ";
  const Outcome outcome = synth(options + path("x.pcap"));
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("topics"), 10);
  EXPECT_EQ(json.at("messages"), 1000);
  const auto manifest = nlohmann::json::parse(text("x.pcap/manifest.json"));
  EXPECT_EQ(manifest.at("lane_count"), 4);
  EXPECT_EQ(manifest.at("codec"), "lz4");
  EXPECT_EQ(manifest.at("sealed"), true);
}

TEST_F(SynthCommand, PassesEveryOptionOn) {
  const auto bytes = [&](const std::string& options) {
    EXPECT_EQ(synth("--force --messages 3k -o " + path("s.pcap ") + options).code, ExitCode::kOk) << options;
    return text("s.pcap");
  };
  const std::string plain = bytes("");
  EXPECT_EQ(bytes("--seed 1 --zipf 1 --mean-rate 100k --symbols 300"), plain);
  EXPECT_NE(bytes("--seed 2"), plain);
  EXPECT_NE(bytes("--zipf 0.5"), plain);
  EXPECT_NE(bytes("--mean-rate 1M"), plain);
  EXPECT_NE(bytes("--symbols 5"), plain);
}

TEST_F(SynthCommand, PassesEveryOptionOfATapeOn) {
  const auto manifest = [&](const std::string& options) {
    const std::string tape = "--force --fixed 1000 --messages 2k -o " + path("f.tape ");
    EXPECT_EQ(synth(tape + options).code, ExitCode::kOk) << options;
    return nlohmann::json::parse(text("f.tape/manifest.json"));
  };
  const auto sum = [](const nlohmann::json& json, const char* key) {
    uint64_t total = 0;
    for (const auto& lane : json.at("lanes")) total += lane.at(key).get<uint64_t>();
    return total;
  };
  const nlohmann::json plain = manifest("");
  EXPECT_EQ(sum(plain, "blocks"), 16u);
  EXPECT_EQ(sum(plain, "segments"), 16u);
  EXPECT_GT(sum(manifest("--block-size 16KiB"), "blocks"), 100u);
  EXPECT_GT(sum(manifest("--block-size 16KiB --segment-size 32KiB"), "segments"), 30u);
  EXPECT_EQ(sum(manifest("--topics 1"), "blocks"), 2u);
  EXPECT_EQ(manifest("--lanes 1").at("lanes").size(), 1u);
}

TEST_F(SynthCommand, WritesOverAnOutputOnlyWhenForced) {
  std::ofstream(folder_ / "s.pcap") << "mine";
  const Outcome outcome = synth("--messages 100 -o " + path("s.pcap"));
  EXPECT_EQ(outcome.code, ExitCode::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("--force"));
  EXPECT_EQ(text("s.pcap"), "mine");
  EXPECT_EQ(synth("--force --messages 100 -o " + path("s.pcap")).code, ExitCode::kOk);
  EXPECT_NE(text("s.pcap"), "mine");
}

TEST_F(SynthCommand, RefusesWrongUseAndLeavesNothing) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--messages 100 --symbols 1000", "at least 2003"},
      {"--messages few", "--messages: "},
      {"--messages -1", "--messages"},
      {"--symbols 0", "--symbols 0"},
      {"--symbols 5G", "too much"},
      {"--zipf 9", "--zipf"},
      {"--zipf nan", "--zipf"},
      {"--lanes 4", "--fixed"},
      {"--codec lz4", "--fixed"},
      {"--fixed 100 --symbols 4", "--symbols"},
      {"--fixed 100 --codec bzip2", "bzip2"},
      {"--fixed 100 --lanes 1025", "1024 lanes"},
      {"--fixed 100 --block-size 1", "4096"},
      {"--fixed 0", "--fixed"},
      {"--fixed 17MiB", "--fixed"},
      {"--fixed 8G", "too much"},
      {"surplus", "surplus"},
  };
  for (const auto& [options, complaint] : wrong) {
    const Outcome outcome = synth("-o " + path("x ") + options);
    EXPECT_EQ(outcome.code, ExitCode::kUsage) << options;
    EXPECT_THAT(outcome.err, HasSubstr(complaint)) << options;
    EXPECT_EQ(outcome.out, "") << options;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << options;
  }
  EXPECT_EQ(synth("--messages 100").code, ExitCode::kUsage) << "no output";
}

TEST_F(SynthCommand, SaysWhereItCannotWrite) {
  const Outcome outcome = synth("--messages 100 -o " + path("no/s.pcap"));
  EXPECT_EQ(outcome.code, ExitCode::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("no/s.pcap"));
}

}  // namespace
}  // namespace tapedeck::tools
