// Random identifiers.
#ifndef LOCKSTEP_ENGINE_BASE_IDS_H_
#define LOCKSTEP_ENGINE_BASE_IDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::base {

// Returns a version 4 UUID (RFC 9562) from OpenSSL's random generator, in lower case.
std::string NewUuid();

// Returns true for 8-4-4-4-12 hexadecimal digits in either case.
bool IsUuid(absl::string_view text);

// Returns a uniformly random positive 63-bit number, e.g. an instance's start nonce.
int64_t NewNonce();

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_IDS_H_
