#include "engine/topology/nics.h"

#include <gmock/gmock.h>

#include "tests/scratch_folder.h"

namespace tapedeck::topology {
namespace {

void add(const ScratchFolder& sysfs, const std::string& name, int index, const std::string& flags) {
  sysfs.write(name + "/ifindex", std::to_string(index));
  sysfs.write(name + "/flags", flags);
  sysfs.write(name + "/mtu", "9000\n");
}

TEST(Nics, AreReadFromSysfsInTheOrderOfTheirIndex) {
  const ScratchFolder sysfs;
  add(sysfs, "td-test-b", 7, "0x1003");
  add(sysfs, "td-test-a", 12, "0x1002");
  sysfs.write("td-test-b/operstate", "up\n");
  sysfs.write("td-test-b/speed", "25000\n");
  sysfs.write("td-test-b/device/numa_node", "1\n");
  sysfs.write("td-test-a/speed", "-1\n");
  sysfs.write("not-a-nic", "");
  const auto nics = read_nics(sysfs.path());
  ASSERT_TRUE(nics) << nics.error().message;
  ASSERT_EQ(nics->size(), 2u);
  const Nic& fast = nics->at(0);
  EXPECT_EQ(fast.name, "td-test-b");
  EXPECT_EQ(fast.speed_mbit_per_s, 25'000u);
  EXPECT_EQ(fast.mtu_bytes, 9'000u);
  EXPECT_EQ(fast.node, 1u);
  EXPECT_TRUE(fast.up && fast.multicast && fast.hardware && !fast.loopback);
  const Nic& bare = nics->at(1);
  EXPECT_EQ(bare.speed_mbit_per_s, std::nullopt);
  EXPECT_EQ(bare.node, std::nullopt);
  EXPECT_FALSE(bare.up || bare.hardware);
}

TEST(Nics, WithoutALinkAreNotUp) {
  const ScratchFolder sysfs;
  add(sysfs, "td-test", 1, "0x1003");
  sysfs.write("td-test/operstate", "down\n");
  EXPECT_FALSE(read_nics(sysfs.path())->at(0).up);
}

TEST(Nics, OnTopOfOthersHangWhereThoseDo) {
  const ScratchFolder sysfs;
  add(sysfs, "bond", 1, "0x1403");
  sysfs.write("bond/lower_td-test/device/numa_node", "1\n");
  const Nic bond = read_nics(sysfs.path())->at(0);
  EXPECT_TRUE(bond.hardware);
  EXPECT_EQ(bond.node, 1u);
}

TEST(Nics, OfThisMachineIncludeLoopbackWithItsAddress) {
  const auto nics = read_nics();
  ASSERT_TRUE(nics) << nics.error().message;
  const auto loopback = std::ranges::find_if(*nics, &Nic::loopback);
  ASSERT_NE(loopback, nics->end());
  EXPECT_THAT(loopback->addresses, testing::Contains("127.0.0.1"));
  EXPECT_THAT(loopback->time_stamping, testing::Contains("rx-software"));
  EXPECT_GT(loopback->mtu_bytes, 0u);
}

TEST(Nics, CannotBeReadWhereThereIsNoSysfs) { EXPECT_FALSE(read_nics("/no/such/folder")); }

}  // namespace
}  // namespace tapedeck::topology
