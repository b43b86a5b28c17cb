// `tapedeck capture`: records a source to a tape.
#include "capture/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "engine/core/parse.h"
#include "engine/core/stop.h"
#include "engine/tape/codec.h"
#include "tools/commands.h"
#include "tools/placement.h"
#include "tools/progress_bar.h"

namespace tapedeck::tools {
namespace {

constexpr std::string_view kPcapScheme = "pcap:";
constexpr size_t kFeedNameBytesMax = 64;
constexpr size_t kQueueBlocks = 8;

struct CaptureArguments {
  std::string source;
  std::string tape;
  std::string feed;
  std::string decode = "auto";
  std::string codec = "none";
  std::string block_size = "1MiB";
  std::string segment_size = "1GiB";
  std::string durable = "interval";
  std::string plan;
  uint16_t lanes = tape::TapeOptions{}.lanes;
  bool json = false;
  bool fail_on_gap = false;
};

std::string to_text(const capture::Progress& progress) {
  const uint64_t total = progress.bytes_total.value_or(0);
  return fmt::format("{} {} packets, {} records",
                     total == 0 ? core::format_bytes(progress.bytes) : ProgressBar::bar(progress.bytes, total),
                     core::format_count(progress.packets), core::format_count(progress.records));
}

core::Result<std::filesystem::path> parse_source(std::string_view source) {
  if (source.starts_with(kPcapScheme) && source.size() > kPcapScheme.size()) {
    return std::filesystem::path(source.substr(kPcapScheme.size()));
  }
  return core::fail_with(core::ExitCode::kUsage,
                         "\"{}\" is no source: expected pcap:FILE, a pcap or pcapng file, plain or gzip", source);
}

// The first part of topic names: no '/', which ends it, and nothing that a topic could not hold.
core::Status check_feed_name(std::string_view feed) {
  const bool good = std::ranges::all_of(feed, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
  if (good && feed.size() <= kFeedNameBytesMax) return {};
  return core::fail_with(core::ExitCode::kUsage,
                         "\"{}\" is no feed name: expected at most {} visible characters without /", feed,
                         kFeedNameBytesMax);
}

tape::Durability durability_of(std::string_view name) {
  if (name == "none") return tape::Durability::kNone;
  return name == "segment" ? tape::Durability::kSegment : tape::Durability::kInterval;
}

core::Result<capture::CaptureOptions> to_options(const CaptureArguments& arguments) {
  capture::CaptureOptions options;
  TD_ASSIGN(options.input, parse_source(arguments.source));
  options.output = arguments.tape;
  options.tape.lanes = arguments.lanes;
  options.tape.codec = *tape::codec_named(arguments.codec);
  TD_ASSIGN(const uint64_t block_bytes, core::parse_bytes(arguments.block_size));
  options.tape.block_bytes =
      static_cast<uint32_t>(std::min<uint64_t>(block_bytes, std::numeric_limits<uint32_t>::max()));
  options.tape.queue_blocks = kQueueBlocks;
  TD_ASSIGN(options.tape.segment_bytes, core::parse_bytes(arguments.segment_size));
  options.tape.durability = durability_of(arguments.durable);
  TD_TRY(check_feed_name(arguments.feed));
  options.feed.feed = arguments.feed;
  options.feed.decode = feed::protocol_of(arguments.decode);  // none for auto
  TD_ASSIGN(const auto plan, make_placement(arguments.plan, topology::Role::kCapture, {.is_auto = false, .number = 1},
                                            {.is_auto = false, .number = {}}));
  if (plan) options.place = plan->captures.front();
  return options;
}

core::Result<core::ExitCode> run(const CaptureArguments& arguments) {
  const core::StopFlag& stop = core::stop_on_signals();
  TD_ASSIGN(const capture::CaptureOptions options, to_options(arguments));
  const auto captured = [&] {
    NoticeTeller notices;
    const ProgressBar bar;
    return capture::capture(options, stop, [&](const capture::Progress& progress) {
      if (notices.has_new(progress.notices)) bar.draw("");
      notices.tell(progress.notices);
      bar.draw(to_text(progress));
    });
  }();
  TD_ASSIGN(const capture::Summary summary, captured);
  if (arguments.json) {
    fmt::print("{}\n", capture::to_json(summary));
  } else {
    fmt::print("{}", capture::to_text(summary));
  }
  if (!summary.damage.empty()) {
    return core::fail_with(core::ExitCode::kDamaged, "{} ends at packet {}: {}; the tape holds all before it",
                           options.input.string(), summary.packets.packets + 1, summary.damage);
  }
  if (summary.interrupted) return core::ExitCode::kInterrupted;
  return arguments.fail_on_gap && summary.gaps > 0 ? core::ExitCode::kDamaged : core::ExitCode::kOk;
}

}  // namespace

void add_capture(CLI::App& program, core::ExitCode& exit) {
  auto arguments = std::make_shared<CaptureArguments>();
  CLI::App* command = program.add_subcommand("capture", "Records a source to a new tape");
  command->add_option("SOURCE", arguments->source, "pcap:FILE, a pcap or pcapng file, plain or gzip")->required();
  command->add_option("-o,--output", arguments->tape, "The tape to make (a directory, new or empty)")->required();
  command->add_option("--decode", arguments->decode, "auto: recognise each packet; else decode all as this protocol")
      ->check(CLI::IsMember({"auto", "itch50", "iextp", "raw"}))
      ->capture_default_str();
  command->add_option("--feed", arguments->feed, "First part of topic names FEED/SYMBOL (default: the decoder's name)");
  command->add_option("--lanes", arguments->lanes, "Lanes of the tape; an order key lives in one of them")
      ->check(CLI::Range(1, static_cast<int>(tape::kLanesMax)))
      ->capture_default_str();
  command->add_option("--codec", arguments->codec, "Compression of blocks")
      ->check(CLI::IsMember(tape::codec_names()))
      ->capture_default_str();
  command->add_option("--block-size", arguments->block_size, "Size at which a block is sealed")->capture_default_str();
  command->add_option("--segment-size", arguments->segment_size, "Size at which a segment is sealed")
      ->capture_default_str();
  command
      ->add_option("--durable", arguments->durable,
                   "What a loss of power may cost: interval: the open blocks, and what was written in the last second; "
                   "segment: segments "
                   "that are not sealed; none: what the system has not written yet, even of a sealed tape")
      ->check(CLI::IsMember({"interval", "segment", "none"}))
      ->capture_default_str();
  add_plan_option(*command, arguments->plan);
  command->add_flag("--json", arguments->json, "Print one JSON object");
  command->add_flag("--fail-on-gap", arguments->fail_on_gap,
                    "Exit with 3 if anything is missing, even if the feed lost it");
  command->callback([arguments, &exit] {
    const auto result = run(*arguments);
    exit = result ? *result : report(result.error());
  });
}

}  // namespace tapedeck::tools
