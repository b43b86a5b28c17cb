// A page for Prometheus: http://ADDRESS:PORT/metrics gives the figures of the moment as text. Served by threads of its
// own; whoever updates them waits for nobody.
#pragma once

#include <memory>
#include <string>

#include "engine/core/status.h"
#include "tools/live/figures.h"

namespace tapedeck::tools {

class MetricsPage {
 public:
  explicit MetricsPage(std::string role);
  ~MetricsPage();

  // Listens at "ADDRESS:PORT", where port 0 takes a free one, and gives the page's address.
  [[nodiscard]] core::Result<std::string> open(const std::string& address);
  void update(const Figures& figures);

  // What the page says.
  [[nodiscard]] std::string text() const;

 private:
  struct Server;
  const std::string role_;
  std::unique_ptr<Server> server_;
};

}  // namespace tapedeck::tools
