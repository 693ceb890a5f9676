// What a query returned: rows of text values, copied out of the driver so that no driver type
// leaves engine/postgres.
#ifndef LOCKSTEP_ENGINE_POSTGRES_RESULT_H_
#define LOCKSTEP_ENGINE_POSTGRES_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::postgres {

// One value in PostgreSQL's text format; absent is NULL.
using Value = std::optional<std::string>;

// Formats values as parameters.
inline Value Param(absl::string_view text) { return std::string(text); }
inline Value Param(const char* text) { return std::string(text); }
inline Value Param(const std::string& text) { return text; }
Value Param(int32_t value);
Value Param(int64_t value);
Value Param(bool value);
Value BytesParam(absl::string_view bytes);  // bytea
inline Value NullParam() { return std::nullopt; }
// A one-dimensional array literal of text or integers.
Value TextArrayParam(const std::vector<std::string>& values);
Value IntArrayParam(const std::vector<int32_t>& values);

class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}

  // The accessors abort when `column` does not exist: a programmer's error. A NULL reads as "",
  // 0 or false; ask IsNull where it matters. A value that is not a number aborts too.
  bool IsNull(int column) const;
  const std::string& Text(int column) const;
  int32_t Int(int column) const;
  int64_t Long(int column) const;
  double Double(int column) const;
  bool Bool(int column) const;
  std::string Bytes(int column) const;  // bytea in hex format.
  std::vector<int32_t> IntArray(int column) const;
  std::vector<std::string> TextArray(int column) const;
  int size() const { return static_cast<int>(values_.size()); }

 private:
  const Value& at(int column) const;
  std::vector<Value> values_;
};

struct Result {
  std::vector<Row> rows;
  int64_t affected_rows = 0;

  bool empty() const { return rows.empty(); }
  // The only row; aborts when there is not exactly one.
  const Row& only() const;
};

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_RESULT_H_
