// Shows how a run is going: lines on a terminal that are drawn over and over, a file of JSON lines, and a page for
// Prometheus. Given the figures often, it draws each time and states rates anew each interval. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/status.h"
#include "tools/live/figures.h"

namespace tapedeck::tools {

class MetricsPage;

class LiveView {
 public:
  struct Options {
    std::string stats;    // file of JSON lines; empty: none
    std::string metrics;  // ADDRESS:PORT of the page; empty: none
    std::string interval = "1s";
  };
  static void add_options(CLI::App& command, Options& options);

  // `role`: "replay" or "subscribe". `verb`: what became of the messages, for people: "sent".
  LiveView(std::string role, std::string verb);
  ~LiveView();

  // Fails where the file or the page's address is no good.
  [[nodiscard]] core::Status open(const Options& options);

  void show(const Figures& figures);
  // Takes the lines off the terminal, until the next show().
  void clear();
  // The last line of the file, of the last figures that were shown.
  [[nodiscard]] core::Status finish();

 private:
  void update_rates(int64_t now_ns);
  void draw();
  void write_line(bool is_final);
  [[nodiscard]] std::string line_of(const Figures::Part& part, const Rates& rates) const;

  const std::string role_;
  const std::string verb_;
  const bool is_terminal_;
  int64_t interval_ns_ = 1'000'000'000;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stats_;
  std::unique_ptr<MetricsPage> page_;
  Figures figures_;
  Figures before_;            // at the start of the interval
  std::vector<Rates> rates_;  // of figures_.parts, and of their total
  int64_t started_ns_ = 0;    // monotonic, as the rest
  int64_t interval_began_ns_ = 0;
  size_t lines_drawn_ = 0;
};

}  // namespace tapedeck::tools
