#include "engine/core/notices.h"

#include <gtest/gtest.h>

namespace tapedeck::core {
namespace {

TEST(Notices, AreBoundedAndSayThatMoreWereLeftOut) {
  Notices notices;
  for (size_t i = 0; i < 5000; ++i) notices.add({"again"});
  EXPECT_EQ(notices.all().size(), 1001u);
  EXPECT_NE(notices.all().back().find("left out"), std::string::npos) << notices.all().back();
}

}  // namespace
}  // namespace tapedeck::core
