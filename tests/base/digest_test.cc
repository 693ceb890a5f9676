#include "engine/base/digest.h"

#include <gtest/gtest.h>

namespace lockstep::base {
namespace {

std::string HexOf(absl::string_view bytes) { return ToHex(Sha256Of(bytes)); }

// The examples of FIPS 180-4, published by NIST as SHA256.pdf and SHA2_Additional.pdf.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(HexOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HexOf("\xbd"), "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
  EXPECT_EQ(HexOf(std::string(1000, 'A')),
            "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4");
}

TEST(Sha256, OfAMillionLettersInPiecesOfAnySize) {
  Sha256 hash;
  const std::string text(1'000'000, 'a');
  for (size_t at = 0, size = 1; at < text.size(); at += size, size = size * 3 + 1) {
    hash.Update(absl::string_view(text).substr(at, size));
  }
  EXPECT_EQ(ToHex(hash.Finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, CountsZeroBytes) {
  EXPECT_EQ(HexOf(std::string(4, '\0')),
            "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119");
  EXPECT_EQ(Sha256Of("abc").size(), static_cast<size_t>(kSha256Bytes));
}

TEST(Hex, IsLowerCaseAndReadsBothCases) {
  const std::string bytes("\x00\x7f\x80\xff", 4);
  EXPECT_EQ(ToHex(bytes), "007f80ff");
  EXPECT_EQ(FromHex("007f80ff"), bytes);
  EXPECT_EQ(FromHex("007F80Ff"), bytes);
  EXPECT_EQ(FromHex(""), "");
}

TEST(Hex, RefusesWhatIsNotHexadecimal) {
  for (const char* text : {"0", "0g", "g0", "00 ", "0x", " 0", "+1", "-1"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
  EXPECT_EQ(FromHex(absl::string_view("\0\0", 2)), std::nullopt);
}

}  // namespace
}  // namespace lockstep::base
