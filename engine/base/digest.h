// SHA-256 (FIPS 180-4) through OpenSSL.
#ifndef LOCKSTEP_ENGINE_BASE_DIGEST_H_
#define LOCKSTEP_ENGINE_BASE_DIGEST_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::base {

inline constexpr int kSha256Bytes = 32;

// Hashes a stream of bytes. Not thread-safe; one use: Update any number of times, Finish once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // Returns the 32 raw bytes.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Returns the 32 raw bytes of the digest of `bytes`.
std::string Sha256Of(absl::string_view bytes);

// Lower-case hexadecimal of raw bytes, and back; FromHex is absent for anything that is not an even
// number of hexadecimal digits.
std::string ToHex(absl::string_view bytes);
std::optional<std::string> FromHex(absl::string_view hex);

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_DIGEST_H_
