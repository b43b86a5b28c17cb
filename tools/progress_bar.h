// A line of standard error that is drawn over and over, and taken away at the end; nothing where that is no terminal.
// One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tapedeck::tools {

class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void draw(std::string_view text) const;

  // "[#####.....]  50 %" of a `total` above 0.
  [[nodiscard]] static std::string bar(uint64_t done, uint64_t total);

 private:
  bool enabled_;
};

}  // namespace tapedeck::tools
