#include "engine/base/ids.h"

#include <cstring>
#include <openssl/rand.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"

namespace lockstep::base {

std::string NewUuid() {
  std::string bytes(16, '\0');
  LOCKSTEP_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 16) == 1);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);  // Version 4.
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);  // Variant 1.
  const std::string hex = ToHex(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) {
      return false;
    }
  }
  return true;
}

int64_t NewNonce() {
  uint64_t value = 0;
  LOCKSTEP_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof(value)) == 1);
  return static_cast<int64_t>((value >> 1) | 1);
}

}  // namespace lockstep::base
