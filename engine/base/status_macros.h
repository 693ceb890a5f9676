// Early return on absl::Status errors. The distribution's Abseil (20220623) has no such macros.
#ifndef LOCKSTEP_ENGINE_BASE_STATUS_MACROS_H_
#define LOCKSTEP_ENGINE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define LOCKSTEP_CONCAT_INNER_(a, b) a##b
#define LOCKSTEP_CONCAT_(a, b) LOCKSTEP_CONCAT_INNER_(a, b)

// Returns from the enclosing function when `expr` (an absl::Status) is not OK.
#define RETURN_IF_ERROR(expr)                            \
  do {                                                   \
    absl::Status lockstep_status_ = (expr);              \
    if (!lockstep_status_.ok()) return lockstep_status_; \
  } while (false)

// Assigns the value of `expr` (an absl::StatusOr) to `lhs`, or returns its status.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL_(LOCKSTEP_CONCAT_(lockstep_statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp.ok()) return tmp.status();          \
  lhs = std::move(tmp).value()

// Aborts with the text of the condition: a programmer's error, never an operator's.
#define LOCKSTEP_CHECK(condition)                                                    \
  do {                                                                               \
    if (!(condition)) ::lockstep::base::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

namespace lockstep::base {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_STATUS_MACROS_H_
