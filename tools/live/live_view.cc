#include "tools/live/live_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "engine/core/clock.h"
#include "engine/core/file.h"
#include "engine/core/parse.h"
#include "tools/live/metrics_page.h"

namespace tapedeck::tools {
namespace {

using Json = nlohmann::ordered_json;

// Lines longer than the terminal is wide are cut, for a line that wraps would be two to take away.
constexpr std::string_view kNoWrap = "\x1b[?7l";
constexpr std::string_view kWrap = "\x1b[?7h";

Rates rates_between(const Figures::Part& before, const Figures::Part& now, double interval_s, double since_start_s) {
  return {.messages_per_s = static_cast<double>(now.messages - before.messages) / interval_s,
          .mean_messages_per_s = static_cast<double>(now.messages) / since_start_s,
          .bytes_per_s = static_cast<double>(now.bytes - before.bytes) / interval_s};
}

Json json_of(const Figures::Part& part, const Rates& rates) {
  return {{"messages", part.messages},
          {"bytes", part.bytes},
          {"messages_per_s", rates.messages_per_s},
          {"mean_messages_per_s", rates.mean_messages_per_s},
          {"bytes_per_s", rates.bytes_per_s},
          {"queued", part.queued},
          {"held_back_ns", part.held_back_ns}};
}

}  // namespace

LiveView::LiveView(std::string role, std::string verb)
    : role_(std::move(role)),
      verb_(std::move(verb)),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      stats_(nullptr, std::fclose) {}

LiveView::~LiveView() { clear(); }

void LiveView::add_options(CLI::App& command, Options& options) {
  command.add_option("--stats", options.stats, "Write rates and queues to this file while it runs: a JSON line each");
  command.add_option("--metrics", options.metrics, "Serve counters for Prometheus at ADDRESS:PORT (port 0: any)");
  command.add_option("--stats-interval", options.interval, "Between two lines of --stats")->capture_default_str();
}

core::Status LiveView::open(const Options& options) {
  TD_ASSIGN(interval_ns_, core::parse_duration_ns(options.interval));
  if (interval_ns_ <= 0) {
    return core::fail_with(core::ExitCode::kUsage, "--stats-interval is longer than 0, such as 1s");
  }
  if (!options.stats.empty()) {
    stats_.reset(std::fopen(options.stats.c_str(), "we"));
    if (!stats_) return core::fail("cannot write {}: {}", options.stats, core::system_error(errno));
  }
  if (options.metrics.empty()) return {};
  page_ = std::make_unique<MetricsPage>(role_);
  TD_ASSIGN(const std::string address, page_->open(options.metrics));
  fmt::print(stderr, "metrics on {}\n", address);
  return {};
}

void LiveView::show(const Figures& figures) {
  const int64_t now_ns = core::system_clock().monotonic_ns();
  figures_ = figures;
  if (page_) page_->update(figures);
  if (started_ns_ == 0) {
    started_ns_ = interval_began_ns_ = now_ns;
    before_ = figures;
    rates_.assign(figures.parts.size() + 1, {});
  }
  if (now_ns - interval_began_ns_ >= interval_ns_) {
    update_rates(now_ns);
    write_line(/*is_final=*/false);
  }
  draw();
}

void LiveView::update_rates(int64_t now_ns) {
  const double interval_s = static_cast<double>(std::max<int64_t>(now_ns - interval_began_ns_, 1)) * 1e-9;
  const double since_start_s = static_cast<double>(std::max<int64_t>(now_ns - started_ns_, 1)) * 1e-9;
  for (size_t i = 0; i < figures_.parts.size(); ++i) {
    rates_[i] = rates_between(before_.parts[i], figures_.parts[i], interval_s, since_start_s);
  }
  rates_.back() = rates_between(total_of(before_), total_of(figures_), interval_s, since_start_s);
  before_ = figures_;
  interval_began_ns_ = now_ns;
}

void LiveView::write_line(bool is_final) {
  if (!stats_) return;
  Json line = json_of(total_of(figures_), rates_.back());
  line["time_ns"] = core::system_clock().now().value;
  line["role"] = role_;
  line["peers"] = figures_.peers;
  line["slowest"] = figures_.slowest;
  line["final"] = is_final;
  line["parts"] = Json::array();
  for (size_t i = 0; i < figures_.parts.size(); ++i) {
    Json& part = line["parts"].emplace_back(json_of(figures_.parts[i], rates_[i]));
    part["name"] = figures_.parts[i].name;
  }
  fmt::print(stats_.get(), "{}\n", line.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::fflush(stats_.get());
}

core::Status LiveView::finish() {
  clear();
  if (started_ns_ != 0) {
    update_rates(core::system_clock().monotonic_ns());
    write_line(/*is_final=*/true);
  }
  if (stats_ && std::ferror(stats_.get()) != 0) return core::fail("cannot write all of --stats: is the disk full?");
  return {};
}

std::string LiveView::line_of(const Figures::Part& part, const Rates& rates) const {
  return fmt::format("{:<10} {:>10} now, {:>10} mean, {:>10}/s, {} queued{}", part.name,
                     core::format_rate(rates.messages_per_s), core::format_rate(rates.mean_messages_per_s),
                     core::format_bytes(static_cast<uint64_t>(rates.bytes_per_s)), part.queued,
                     figures_.slowest == part.name ? "  <- slowest" : "");
}

void LiveView::draw() {
  if (!is_terminal_) return;
  clear();
  fmt::print(stderr, "{}", kNoWrap);
  const Figures::Part total = total_of(figures_);
  if (figures_.parts.size() > 1) {
    for (size_t i = 0; i < figures_.parts.size(); ++i) {
      fmt::print(stderr, "{}\n", line_of(figures_.parts[i], rates_[i]));
    }
    lines_drawn_ = figures_.parts.size();
  }
  fmt::print(stderr, "{} records {}{}, {} now, {} mean{}\r", core::format_count(total.messages), verb_,
             role_ == "replay" ? fmt::format(" to {} subscribers", figures_.peers) : "",
             core::format_rate(rates_.back().messages_per_s), core::format_rate(rates_.back().mean_messages_per_s),
             figures_.slowest.empty() ? "" : fmt::format("; slowest: {}", figures_.slowest));
  fmt::print(stderr, "{}", kWrap);
  ++lines_drawn_;
  std::fflush(stderr);
}

void LiveView::clear() {
  if (lines_drawn_ == 0) return;
  const size_t lines_above = lines_drawn_ - 1;
  fmt::print(stderr, "\r{}\x1b[J", lines_above > 0 ? fmt::format("\x1b[{}A", lines_above) : "");
  lines_drawn_ = 0;
}

}  // namespace tapedeck::tools
