#include "engine/base/ids.h"

#include <gtest/gtest.h>
#include <set>

#include "absl/strings/ascii.h"

namespace lockstep::base {
namespace {

TEST(Uuid, IsOfVersion4AndLowerCase) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewUuid();
    EXPECT_TRUE(IsUuid(id)) << id;
    EXPECT_EQ(id, absl::AsciiStrToLower(id));
    EXPECT_EQ(id[14], '4') << id;
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Uuid, IsRecognisedByItsShape) {
  EXPECT_TRUE(IsUuid("6BA7B810-9dad-11d1-80b4-00c04fd430c8"));
  for (const char* text :
       {"", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810-9dad-11d1-80b4-00c04fd430c8 ",
        "6ba7b8109dad11d180b400c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b810+9dad-11d1-80b4-00c04fd430c8"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
}

TEST(Nonce, IsPositiveAndNew) {
  std::set<int64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const int64_t nonce = NewNonce();
    EXPECT_GT(nonce, 0);
    seen.insert(nonce);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace lockstep::base
