#include "tools/machine_picture.h"

#include <algorithm>

#include "engine/core/parse.h"

namespace tapedeck::tools {
namespace {

constexpr size_t kCellsWidth = 96;  // of a line, in characters

class Picture {
 public:
  Picture(const topology::Topology& machine, const topology::Plan& plan) : machine_(machine) {
    for (unsigned core = 0; core < machine.cores.size(); ++core) cells_.push_back(fmt::format("{} ", core));
    std::vector<bool> usable(machine.cores.size());
    std::vector<bool> taken(machine.cores.size());
    for (const topology::Cpu& cpu : machine.cpus) {
      if (cpu.state == topology::CpuState::kUsable) usable[*cpu.core] = true;
    }
    for (const topology::PlannedThread& thread : topology::threads_of(plan)) {
      const unsigned core = *machine.find_cpu(*thread.place->cpu)->core;
      cells_[core] += (taken[core] ? "+" : "") + thread.place->name;
      taken[core] = true;
    }
    for (unsigned core = 0; core < cells_.size(); ++core) {
      if (!taken[core]) cells_[core] += core == plan.system_core ? "system" : usable[core] ? "-" : "forbidden";
      width_ = std::max(width_, cells_[core].size());
    }
  }

  std::string draw() {
    for (unsigned package = 0; package < machine_.packages; ++package) {
      text_ += fmt::format("package {}\n", package);
      for (const topology::Node& node : machine_.nodes) draw_node(package, node);
    }
    draw_offline();
    return std::move(text_);
  }

 private:
  // Empty if the cache, or what of it is in this package and node, has no core.
  [[nodiscard]] std::vector<unsigned> cores_of(unsigned package, unsigned node, unsigned cache) const {
    std::vector<unsigned> cores;
    for (unsigned i = 0; i < machine_.cores.size(); ++i) {
      const topology::Core& core = machine_.cores[i];
      if (core.package == package && core.node == node && core.cache == cache) cores.push_back(i);
    }
    return cores;
  }

  void draw_node(unsigned package, const topology::Node& node) {
    bool is_first = true;
    for (unsigned cache = 0; cache < machine_.caches.size(); ++cache) {
      const std::vector<unsigned> cores = cores_of(package, node.number, cache);
      if (cores.empty()) continue;
      if (is_first) text_ += fmt::format("  node {}{}\n", node.number, belongings(node));
      is_first = false;
      draw_cache(machine_.caches[cache], cores);
    }
  }

  [[nodiscard]] std::string belongings(const topology::Node& node) const {
    std::string text = node.memory_bytes == 0 ? "" : fmt::format(", {}", core::format_bytes(node.memory_bytes));
    for (const topology::Nic& nic : machine_.nics) {
      if (nic.node == node.number && !nic.loopback) text += fmt::format(", {}", nic.name);
    }
    return text;
  }

  void draw_cache(const topology::Cache& cache, const std::vector<unsigned>& cores) {
    const std::string name =
        cache.level == 0 ? "no cache" : fmt::format("L{} {}", cache.level, core::format_bytes(cache.size_bytes));
    const size_t cell = width_ + 3;
    const size_t in_line = std::max<size_t>(1, kCellsWidth / cell);
    for (size_t i = 0; i < cores.size(); ++i) {
      if (i % in_line == 0) text_ += fmt::format("    {:<14}|", i == 0 ? name : "");
      text_ += fmt::format(" {:<{}} |", cells_[cores[i]], width_);
      if ((i + 1) % in_line == 0 || i + 1 == cores.size()) text_ += '\n';
    }
  }

  void draw_offline() {
    std::vector<unsigned> offline;
    for (const topology::Cpu& cpu : machine_.cpus) {
      if (cpu.state == topology::CpuState::kOffline) offline.push_back(cpu.number);
    }
    if (!offline.empty()) text_ += fmt::format("offline CPUs: {}\n", fmt::join(offline, ", "));
  }

  const topology::Topology& machine_;
  std::vector<std::string> cells_;  // by core: its number and who is on it
  size_t width_ = 0;
  std::string text_;
};

}  // namespace

std::string draw(const topology::Topology& machine, const topology::Plan& plan) {
  return Picture(machine, plan).draw();
}

}  // namespace tapedeck::tools
