#include "engine/core/buffer_pool.h"

#include <gtest/gtest.h>

#include <thread>

namespace tapedeck::core {
namespace {

constexpr size_t kBytes = 4096;

TEST(BufferPool, GivesTheBufferThatCameBackLast) {
  BufferPool pool(3, kBytes);
  const StopFlag never;
  BufferLease first(pool.acquire(never));
  BufferLease second(pool.acquire(never));
  const std::byte* const warm = first.bytes().data();
  second = BufferLease();
  first = BufferLease();
  EXPECT_EQ(BufferLease(pool.acquire(never)).bytes().data(), warm);
}

TEST(BufferPool, GivesNothingWhenNoBufferComesBackInTime) {
  BufferPool pool(1, kBytes);
  const BufferLease only(pool.acquire_within(std::chrono::nanoseconds::zero()));
  ASSERT_TRUE(only);
  EXPECT_EQ(pool.acquire_within(std::chrono::nanoseconds::zero()), nullptr);
  EXPECT_EQ(pool.in_use(), 1u);
}

TEST(BufferPool, GivesNothingOnceStopped) {
  BufferPool pool(1, kBytes);
  StopFlag stop;
  const BufferLease only(pool.acquire(stop));
  stop.request();
  EXPECT_EQ(pool.acquire(stop), nullptr);
}

TEST(BufferPool, WaitsForABufferThatAnotherThreadGivesBack) {
  BufferPool pool(1, kBytes);
  const StopFlag never;
  Buffer* const only = pool.acquire(never);
  std::thread other([only] { only->pool->release(only); });
  EXPECT_TRUE(BufferLease(pool.acquire(never)));
  other.join();
}

}  // namespace
}  // namespace tapedeck::core
