#include "engine/topology/discover.h"

#include <hwloc.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>

#include "engine/core/file.h"
#include "engine/topology/control_group.h"
#include "engine/topology/nics.h"

namespace tapedeck::topology {
namespace {

constexpr uint64_t kCpusMax = 1u << 14;
constexpr unsigned kNicsMax = 256;
constexpr uint64_t kXmlBytesMax = 64u << 20;

constexpr const char* kExample = "such as \"package:2 numa:1 core:8 pu:2\"";

struct Free {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
  void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Hwloc = std::unique_ptr<hwloc_topology, Free>;
using Bitmap = std::unique_ptr<hwloc_bitmap_s, Free>;

Hwloc make_hwloc() {
  hwloc_topology_t topology = nullptr;
  TD_CHECK(hwloc_topology_init(&topology) == 0);
  hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  return Hwloc(topology);
}

// The outermost cache that `pu` shares with CPUs of other cores; nullptr if there is none.
hwloc_obj_t shared_cache_of(hwloc_obj_t pu, hwloc_obj_t core) {
  hwloc_obj_t shared = nullptr;
  for (hwloc_obj_t above = pu->parent; above != nullptr; above = above->parent) {
    if (hwloc_obj_type_is_dcache(above->type) != 0 && !hwloc_bitmap_isequal(above->cpuset, core->cpuset))
      shared = above;
  }
  return shared;
}

// Builds our plain data from hwloc's tree.
class Reader {
 public:
  Reader(hwloc_topology_t hwloc, Topology& out) : hwloc_(hwloc), out_(out) {}

  void read() {
    out_.is_this_machine = hwloc_topology_is_thissystem(hwloc_) != 0;
    const Bitmap usable = usable_cpus();
    hwloc_obj_t pu = nullptr;
    while ((pu = hwloc_get_next_obj_by_type(hwloc_, HWLOC_OBJ_PU, pu)) != nullptr) {
      const bool is_usable = hwloc_bitmap_isset(usable.get(), pu->os_index) != 0;
      out_.cpus.push_back({pu->os_index, core_of(pu), is_usable ? CpuState::kUsable : CpuState::kForbidden});
    }
    add_offline();
    std::ranges::sort(out_.cpus, {}, &Cpu::number);
    std::ranges::sort(out_.nodes, {}, &Node::number);
    out_.packages = std::max<unsigned>(1, static_cast<unsigned>(packages_.size()));
  }

  // Network devices of an XML file that was written with them.
  void read_nics() {
    hwloc_obj_t device = nullptr;
    while ((device = hwloc_get_next_osdev(hwloc_, device)) != nullptr) {
      if (device->attr->osdev.type != HWLOC_OBJ_OSDEV_NETWORK || device->name == nullptr) continue;
      Nic& nic = out_.nics.emplace_back();
      nic.name = device->name;
      nic.up = nic.hardware = true;
      if (const auto node = node_of(hwloc_get_non_io_ancestor_obj(hwloc_, device))) nic.node = (*node)->os_index;
    }
  }

 private:
  [[nodiscard]] Bitmap usable_cpus() const {
    Bitmap usable(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(hwloc_)));
    const Bitmap bound(hwloc_bitmap_alloc());
    if (out_.is_this_machine && hwloc_get_cpubind(hwloc_, bound.get(), HWLOC_CPUBIND_THREAD) == 0) {
      hwloc_bitmap_and(usable.get(), usable.get(), bound.get());
    }
    return usable;
  }

  // Those that the system knows and that are in no core.
  void add_offline() {
    const Bitmap offline(hwloc_bitmap_alloc());
    hwloc_bitmap_andnot(offline.get(), hwloc_topology_get_complete_cpuset(hwloc_),
                        hwloc_topology_get_topology_cpuset(hwloc_));
    if (hwloc_bitmap_weight(offline.get()) < 0) return;  // endless: the system does not say
    for (int cpu = hwloc_bitmap_first(offline.get()); cpu >= 0; cpu = hwloc_bitmap_next(offline.get(), cpu)) {
      out_.cpus.push_back({static_cast<unsigned>(cpu), std::nullopt, CpuState::kOffline});
    }
  }

  [[nodiscard]] std::optional<hwloc_obj_t> node_of(hwloc_obj_t object) const {
    if (object == nullptr || object->nodeset == nullptr) return std::nullopt;
    const int number = hwloc_bitmap_first(object->nodeset);
    hwloc_obj_t node = number < 0 ? nullptr : hwloc_get_numanode_obj_by_os_index(hwloc_, static_cast<unsigned>(number));
    return node == nullptr ? std::nullopt : std::optional(node);
  }

  // The number of an object among those that came before; `make` is called for a new one.
  template <class Make>
  static unsigned number_of(std::map<hwloc_obj_t, unsigned>& known, hwloc_obj_t object, Make make) {
    const auto [entry, is_new] = known.emplace(object, static_cast<unsigned>(known.size()));
    if (is_new) make();
    return entry->second;
  }

  unsigned core_of(hwloc_obj_t pu) {
    hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(hwloc_, HWLOC_OBJ_CORE, pu);
    if (core == nullptr) core = pu;  // some virtual machines have CPUs only
    return number_of(cores_, core, [&] {
      hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(hwloc_, HWLOC_OBJ_PACKAGE, core);
      const unsigned package_number = package == nullptr ? 0 : number_of(packages_, package, [] {});
      const auto node = node_of(core);
      if (node) add_node(*node, package_number);
      out_.cores.push_back(
          {package_number, node ? (*node)->os_index : 0, cache_of(pu, core, node.value_or(nullptr), package)});
    });
  }

  void add_node(hwloc_obj_t node, unsigned package) {
    if (out_.find_node(node->os_index) != nullptr) return;
    out_.nodes.push_back({node->os_index, package, node->attr->numanode.local_memory});
  }

  // Where cores share no cache, those of a node and package count as if they did.
  unsigned cache_of(hwloc_obj_t pu, hwloc_obj_t core, hwloc_obj_t node, hwloc_obj_t package) {
    hwloc_obj_t cache = shared_cache_of(pu, core);
    const bool package_is_smaller =
        node == nullptr || (package != nullptr && hwloc_bitmap_isincluded(package->cpuset, node->cpuset) != 0);
    return number_of(
        caches_,
        cache != nullptr     ? cache
        : package_is_smaller ? package
                             : node,
        [&] {
          out_.caches.push_back(cache == nullptr ? Cache{} : Cache{cache->attr->cache.size, cache->attr->cache.depth});
        });
  }

  hwloc_topology_t hwloc_;
  Topology& out_;
  std::map<hwloc_obj_t, unsigned> packages_;
  std::map<hwloc_obj_t, unsigned> cores_;
  std::map<hwloc_obj_t, unsigned> caches_;
};

// An upper bound of how many CPUs a synthetic description asks for: the product of its counts.
uint64_t cpus_described(std::string_view text) {
  uint64_t cpus = 1;
  for (size_t colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':', colon + 1)) {
    uint64_t count = 0;
    const char* digits = text.data() + colon + 1;
    const auto [end, error] = std::from_chars(digits, text.data() + text.size(), count);
    if (error == std::errc::result_out_of_range) return UINT64_MAX;
    if (end != digits) cpus *= std::max<uint64_t>(count, 1);
    if (cpus > kCpusMax) return cpus;
  }
  return cpus;
}

core::Result<Hwloc> load_synthetic(const std::string& text) {
  if (cpus_described(text) > kCpusMax) {
    return core::fail_with(core::ExitCode::kUsage, "topology \"{}\" describes more than {} CPUs", text, kCpusMax);
  }
  Hwloc hwloc = make_hwloc();
  if (hwloc_topology_set_synthetic(hwloc.get(), text.c_str()) != 0 || hwloc_topology_load(hwloc.get()) != 0) {
    return core::fail_with(core::ExitCode::kUsage,
                           "topology \"{}\" is neither a file that is there nor a synthetic description of hwloc, {}",
                           text, kExample);
  }
  return hwloc;
}

core::Result<Hwloc> load_xml(const std::string& path) {
  TD_ASSIGN(const std::string xml, core::read_text_file(path, kXmlBytesMax));
  Hwloc hwloc = make_hwloc();
  hwloc_topology_set_io_types_filter(hwloc.get(), HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (hwloc_topology_set_xmlbuffer(hwloc.get(), xml.c_str(), static_cast<int>(xml.size() + 1)) != 0 ||
      hwloc_topology_load(hwloc.get()) != 0) {
    return core::fail_with(core::ExitCode::kUsage,
                           "{} is no topology in hwloc's XML: write one with `lstopo FILE.xml` on the machine", path);
  }
  return hwloc;
}

void add_nics(Topology& topology, unsigned count) {
  topology.nics.clear();
  for (unsigned i = 0; i < count; ++i) {
    Nic& nic = topology.nics.emplace_back();
    nic.name = fmt::format("nic{}", i);
    nic.node = topology.nodes[i % topology.nodes.size()].number;
    nic.up = nic.hardware = true;
  }
}

}  // namespace

core::Result<Topology> discover_this_machine() {
  const Hwloc hwloc = make_hwloc();
  if (hwloc_topology_load(hwloc.get()) != 0) return core::fail("hwloc cannot read the topology of this machine");
  Topology topology;
  topology.name = "this machine";
  Reader(hwloc.get(), topology).read();
  TD_ASSIGN(topology.nics, read_nics());
  if (topology.nodes.size() == 1) {
    for (Nic& nic : topology.nics) nic.node = topology.nodes.front().number;
  }
  topology.cpu_quota = read_cpu_quota();
  return topology;
}

core::Result<Topology> describe_machine(const std::string& file_or_synthetic, std::optional<unsigned> nics) {
  if (nics > kNicsMax) {
    return core::fail_with(core::ExitCode::kUsage, "{} NICs are more than the {} that a machine may have", *nics,
                           kNicsMax);
  }
  std::error_code ignored;
  const bool is_file = std::filesystem::exists(file_or_synthetic, ignored);
  TD_ASSIGN(const Hwloc hwloc, is_file ? load_xml(file_or_synthetic) : load_synthetic(file_or_synthetic));
  Topology topology;
  topology.name = file_or_synthetic;
  Reader reader(hwloc.get(), topology);
  reader.read();
  if (topology.nodes.empty() || topology.cores.empty()) {
    return core::fail_with(core::ExitCode::kUsage, "topology {} has no core, or no node with memory", topology.name);
  }
  reader.read_nics();
  if (nics) add_nics(topology, *nics);
  return topology;
}

}  // namespace tapedeck::topology
