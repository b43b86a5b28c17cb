#include "engine/topology/discover.h"

#include <gmock/gmock.h>
#include <hwloc.h>
#include <sched.h>

#include <thread>

#include "tests/engine/topology/machines.h"
#include "tests/scratch_folder.h"

namespace tapedeck::topology {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& description, std::optional<unsigned> nics = {}) {
  const auto described = describe_machine(description, nics);
  EXPECT_FALSE(described) << description;
  return described ? "" : described.error().message;
}

// What `lstopo --synthetic DESCRIPTION FILE.xml` writes.
std::string xml_of(const char* description) {
  hwloc_topology_t hwloc = nullptr;
  hwloc_topology_init(&hwloc);
  hwloc_topology_set_synthetic(hwloc, description);
  hwloc_topology_load(hwloc);
  char* text = nullptr;
  int size = 0;
  hwloc_topology_export_xmlbuffer(hwloc, &text, &size, 0);
  std::string xml(text, static_cast<size_t>(size - 1));
  hwloc_free_xmlbuffer(hwloc, text);
  hwloc_topology_destroy(hwloc);
  return xml;
}

TEST(Discover, SyntheticMachinesHaveWhatTheirDescriptionSays) {
  const Topology large = machine("package:2 numa:2 l3:3 core:10 pu:2", 6);
  EXPECT_EQ(shape_of(large), (MachineShape{2, 4, 120, 240}));
  EXPECT_EQ(large.caches.size(), 12u);
  EXPECT_EQ(large.caches[0].level, 3u);
  EXPECT_EQ(large.cpus[3].core, 1u);
  EXPECT_EQ(large.cores[60].package, 1u);
  EXPECT_EQ(large.cores[60].node, 2u);
  EXPECT_FALSE(large.is_this_machine);
}

TEST(Discover, NicsOfADescribedMachineHangOnTheNodesInTurn) {
  const Topology two = machine("numa:2 core:2 pu:1", 3);
  ASSERT_EQ(two.nics.size(), 3u);
  EXPECT_EQ(two.nics[0].node, 0u);
  EXPECT_EQ(two.nics[1].node, 1u);
  EXPECT_EQ(two.nics[2].node, 0u);
  EXPECT_EQ(two.nics[2].name, "nic2");
}

TEST(Discover, CoresWithoutASharedCacheAreGroupedByNodeAndPackage) {
  EXPECT_EQ(machine("package:2 core:3 pu:2", 0).caches.size(), 2u);
  EXPECT_EQ(machine("numa:2 l2:3 core:1 pu:2", 0).caches.size(), 2u);
}

TEST(Discover, XmlOfAMachineGivesTheSameAsTheMachine) {
  const char* description = "package:2 numa:1 l3:2 core:4 pu:2";
  const ScratchFolder scratch;
  const auto file = scratch.write("machine.xml", xml_of(description));
  const auto read = describe_machine(file.string(), 2);
  ASSERT_TRUE(read) << read.error().message;
  const Topology original = machine(description, 2);
  EXPECT_EQ(shape_of(*read), shape_of(original));
  PlanRequest request;
  EXPECT_EQ(plan_for(*read, request).publishers, plan_for(original, request).publishers);
}

TEST(Discover, XmlKeepsItsOwnNicsWithTheirNodes) {
  std::string xml = xml_of("package:2 numa:1 core:2 pu:1");
  const std::string bridge =
      R"(<object type="Bridge" gp_index="900" bridge_type="0-1" depth="0" bridge_pci="0000:[00-ff]">
    <object type="PCIDev" gp_index="901" pci_busid="0000:01:00.0" pci_type="0200 [8086:1572] [0000:0000] 01" pci_link_speed="0.0">
      <object type="OSDev" gp_index="902" name="ens1f0" osdev_type="2"/>
    </object></object>)";
  const std::string last_core = R"(</object>)";
  // Under the second group of cores: before the last end tag but one.
  const size_t root_end = xml.rfind(last_core);
  const size_t second_node_end = xml.rfind(last_core, root_end - 1);
  xml.insert(second_node_end, bridge);
  const ScratchFolder scratch;
  const auto read = describe_machine(scratch.write("machine.xml", xml).string(), {});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->nics.size(), 1u);
  EXPECT_EQ(read->nics[0].name, "ens1f0");
  EXPECT_EQ(read->nics[0].node, 1u);
}

TEST(Discover, MalformedDescriptionsAreRefusedWithAnExample) {
  for (const char* text : {"", "garbage", "core:0", "-1", "core:2(memory", "pu:2 pu:2", "/no/such/file.xml"}) {
    EXPECT_THAT(refusal(text), HasSubstr("such as \"package:2 numa:1 core:8 pu:2\""));
  }
}

TEST(Discover, EndlessDescriptionsAreRefused) {
  for (const char* text : {"pu:99999999999", "pu:999999999999999999999999", "core:1000 pu:1000"}) {
    EXPECT_THAT(refusal(text), HasSubstr("more than 16384 CPUs"));
  }
  EXPECT_THAT(refusal("core:2", 100'000), HasSubstr("100000 NICs"));
}

TEST(Discover, MalformedXmlIsRefused) {
  const ScratchFolder scratch;
  const std::string xml = xml_of("package:2 core:2 pu:1");
  EXPECT_THAT(refusal(scratch.write("empty.xml", "").string()), HasSubstr("is no topology in hwloc's XML"));
  EXPECT_THAT(refusal(scratch.write("text.xml", "hello").string()), HasSubstr("is no topology in hwloc's XML"));
  EXPECT_THAT(refusal(scratch.write("cut.xml", xml.substr(0, xml.size() / 2)).string()),
              HasSubstr("is no topology in hwloc's XML"));
  EXPECT_FALSE(describe_machine(scratch.path().string(), {}));
}

TEST(Discover, ThisMachineForbidsWhatTheCallersAffinityForbids) {
  const auto all = discover_this_machine();
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->is_this_machine);
  EXPECT_FALSE(all->nics.empty());
  const auto usable = [](const Topology& topology) {
    return std::ranges::count(topology.cpus, CpuState::kUsable, &Cpu::state);
  };
  EXPECT_EQ(usable(*all), static_cast<long>(std::thread::hardware_concurrency()));
  const auto first = std::ranges::find(all->cpus, CpuState::kUsable, &Cpu::state);
  Topology bound;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first->number, &one);
    sched_setaffinity(0, sizeof one, &one);
    bound = discover_this_machine().value_or(Topology{});
  }).join();
  EXPECT_EQ(bound.cpus.size(), all->cpus.size());
  EXPECT_EQ(usable(bound), 1);
}

}  // namespace
}  // namespace tapedeck::topology
