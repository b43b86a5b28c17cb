#include "engine/topology/control_group.h"

#include <gtest/gtest.h>

#include "tests/scratch_folder.h"

namespace tapedeck::topology {
namespace {

TEST(ControlGroup, GivesTheLeastQuotaOfTheGroupAndThoseAboveIt) {
  const ScratchFolder scratch;
  const auto self = scratch.write("self", "0::/pod/box\n");
  scratch.write("mount/pod/box/cpu.max", "400000 100000\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), 4.0);
  scratch.write("mount/pod/cpu.max", "250000 100000\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), 2.5);
}

TEST(ControlGroup, HasNoQuotaWhereTheFilesSaySoOrAreNotThere) {
  const ScratchFolder scratch;
  const auto self = scratch.write("self", "0::/box\n9:name=systemd:/\nbroken\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), std::nullopt);
  scratch.write("mount/box/cpu.max", "max 100000\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), std::nullopt);
  EXPECT_EQ(read_cpu_quota(scratch / "none", scratch.path()), std::nullopt);
}

TEST(ControlGroup, ReadsTheFirstVersionWhosePathMayBeTheHosts) {
  const ScratchFolder scratch;
  const auto self = scratch.write("self", "4:cpuset:/\n3:cpu,cpuacct:/docker/abc\n");
  scratch.write("mount/cpu/cpu.cfs_quota_us", "150000\n");
  scratch.write("mount/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), 1.5);
  scratch.write("mount/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(read_cpu_quota(self, scratch / "mount"), std::nullopt);
}

}  // namespace
}  // namespace tapedeck::topology
