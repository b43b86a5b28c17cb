#include "engine/topology/plan_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <utility>

#include "engine/core/file.h"

namespace tapedeck::topology {
namespace {

constexpr uint64_t kFileBytesMax = 1u << 20;
constexpr std::pair<std::string_view, Role> kRoles[] = {{"publisher", Role::kPublisher},
                                                        {"subscriber", Role::kSubscriber},
                                                        {"both", Role::kBoth},
                                                        {"capture", Role::kCapture}};

// One key of a table: what its value must be, in words, and who takes it; false refuses it.
struct Key {
  std::string_view name;
  std::string_view expected;
  std::function<bool(const toml::node&)> take;
};

constexpr std::string_view kNumber = "a whole number";
constexpr std::string_view kCount = "a whole number or \"auto\"";

template <class T>
bool take_number(const toml::node& node, T& out) {
  const auto number = node.value_exact<int64_t>();
  if (!number || !std::in_range<T>(*number)) return false;
  out = static_cast<T>(*number);
  return true;
}

template <class T>
Key number_key(std::string_view name, std::optional<T>& out) {
  return {name, kNumber, [&out](const toml::node& node) { return take_number(node, out.emplace()); }};
}

Key number_key(std::string_view name, unsigned& out) {
  return {name, kNumber, [&out](const toml::node& node) { return take_number(node, out); }};
}

Key count_key(std::string_view name, std::optional<unsigned>& out) {
  return {name, kCount, [&out](const toml::node& node) {
            return node.value_exact<std::string_view>() == "auto" || take_number(node, out.emplace());
          }};
}

bool take_name(const toml::node& node, std::string& out) {
  const auto name = node.value_exact<std::string>();
  if (name) out = *name;
  return name.has_value();
}

// Calls take(element, place) for each element of an array.
template <class T, class Take>
bool take_each(const toml::node& node, std::vector<T>& out, Take take) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return false;
  for (const toml::node& element : *array) {
    if (!take(element, out.emplace_back())) return false;
  }
  return true;
}

bool take_role(const toml::node& node, Role& out) {
  for (const auto& [name, role] : kRoles) {
    if (node.value_exact<std::string_view>() != name) continue;
    out = role;
    return true;
  }
  return false;
}

class FileReader {
 public:
  explicit FileReader(std::string_view source) : source_(source) {}

  core::Result<PlanRequest> read(const toml::table& file) {
    PlanRequest request;
    const bool good = take_table(
        file,
        {{"role", "\"publisher\", \"subscriber\", \"both\" or \"capture\"",
          [&](const auto& node) { return take_role(node, request.role); }},
         count_key("shards", request.shards),
         count_key("workers", request.workers),
         {"nics", "a list of names", [&](const auto& node) { return take_each(node, request.nics, take_name); }},
         number_key("fifo_priority", request.fifo_priority),
         {"worker_cpus", "a list of whole numbers",
          [&](const auto& node) { return take_each(node, request.fixed_worker_cpus, take_number<unsigned>); }},
         {"machine", "a table", [&](const auto& node) { return take_machine(node, request.machine.emplace()); }},
         {"publisher", "[[publisher]], one for each shard",
          [&](const auto& node) { return take_shards(node, request.fixed_publishers); }},
         {"subscriber", "[[subscriber]], one for each shard",
          [&](const auto& node) { return take_shards(node, request.fixed_subscribers); }},
         {"capture", "[[capture]]", [&](const auto& node) { return take_shards(node, request.fixed_captures); }}});
    if (!good) return core::fail_with(core::ExitCode::kUsage, "{}", problem_);
    return request;
  }

 private:
  // False leaves the first problem in problem_.
  bool take_table(const toml::table& table, const std::vector<Key>& keys) {
    for (const auto& [name, node] : table) {
      const auto key = std::ranges::find(keys, name.str(), &Key::name);
      if (key == keys.end()) return refuse(name.source(), fmt::format("nothing is called \"{}\" here", name.str()));
      if (!key->take(node)) return refuse(node.source(), fmt::format("\"{}\" must be {}", key->name, key->expected));
    }
    return true;
  }

  bool refuse(const toml::source_region& where, const std::string& what) {
    if (problem_.empty()) problem_ = fmt::format("{}:{}: {}", source_, where.begin.line, what);
    return false;
  }

  bool take_machine(const toml::node& node, MachineShape& out) {
    return node.is_table() &&
           take_table(*node.as_table(), {number_key("packages", out.packages), number_key("nodes", out.nodes),
                                         number_key("cores", out.cores), number_key("cpus", out.cpus)});
  }

  bool take_shards(const toml::node& node, std::vector<FixedShard>& out) {
    return take_each(node, out, [&](const toml::node& element, FixedShard& shard) {
      if (!element.is_table()) return false;
      return take_table(*element.as_table(),
                        {{"nic", "a name", [&](const auto& name) { return take_name(name, shard.nic.emplace()); }},
                         number_key("io", shard.io_cpu),
                         number_key("thread", shard.thread_cpu)});
    });
  }

  std::string_view source_;
  std::string problem_;
};

toml::table to_toml(const ShardPlace& shard) {
  toml::table table;
  if (!shard.nic.empty()) table.insert("nic", shard.nic);
  table.insert("io", shard.io.cpu.value());
  table.insert("thread", shard.thread.cpu.value());
  return table;
}

void insert_shards(toml::table& file, std::string_view name, const std::vector<ShardPlace>& shards) {
  if (shards.empty()) return;
  toml::array tables;
  for (const ShardPlace& shard : shards) tables.push_back(to_toml(shard));
  file.insert(name, std::move(tables));
}

}  // namespace

core::Result<PlanRequest> parse_plan(std::string_view text, std::string_view source) {
  try {
    return FileReader(source).read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return core::fail_with(core::ExitCode::kUsage, "{}:{}: this is no TOML: {}", source, error.source().begin.line,
                           error.description());
  }
}

core::Result<PlanRequest> read_plan_file(const std::filesystem::path& path) {
  TD_ASSIGN(const std::string text, core::read_text_file(path, kFileBytesMax));
  return parse_plan(text, path.string());
}

std::string format_plan_file(const Plan& plan, const PlanRequest& request, const Topology& topology) {
  const MachineShape shape = shape_of(topology);
  toml::table file;
  file.insert(
      "machine",
      toml::table{{"packages", shape.packages}, {"nodes", shape.nodes}, {"cores", shape.cores}, {"cpus", shape.cpus}});
  file.insert("role", std::ranges::find(kRoles, request.role, &std::pair<std::string_view, Role>::second)->first);
  if (request.fifo_priority) file.insert("fifo_priority", *request.fifo_priority);
  insert_shards(file, "publisher", plan.publishers);
  insert_shards(file, "subscriber", plan.subscribers);
  insert_shards(file, "capture", plan.captures);
  toml::array worker_cpus;
  for (const ThreadPlace& worker : plan.workers) worker_cpus.push_back(worker.cpu.value());
  if (!worker_cpus.empty()) file.insert("worker_cpus", std::move(worker_cpus));
  std::ostringstream text;
  text << file;
  return text.str();
}

}  // namespace tapedeck::topology
