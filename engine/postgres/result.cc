#include "engine/postgres/result.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"

namespace lockstep::postgres {
namespace {

const std::string& Empty() {
  static const auto* const empty = new std::string;
  return *empty;
}

// Reads PostgreSQL's text form of a one-dimensional array: {a,"b c",NULL}.
std::vector<std::string> ParseArray(absl::string_view text) {
  std::vector<std::string> items;
  LOCKSTEP_CHECK(text.size() >= 2 && text.front() == '{' && text.back() == '}');
  text = text.substr(1, text.size() - 2);
  size_t i = 0;
  while (i < text.size()) {
    std::string item;
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        item.push_back(text[i]);
      }
      ++i;
    } else {
      while (i < text.size() && text[i] != ',') item.push_back(text[i++]);
    }
    items.push_back(std::move(item));
    if (i < text.size() && text[i] == ',') ++i;
  }
  return items;
}

}  // namespace

Value Param(int32_t value) { return absl::StrCat(value); }
Value Param(int64_t value) { return absl::StrCat(value); }
Value Param(bool value) { return std::string(value ? "true" : "false"); }
Value BytesParam(absl::string_view bytes) { return absl::StrCat("\\x", base::ToHex(bytes)); }

Value TextArrayParam(const std::vector<std::string>& values) {
  std::string text = "{";
  for (const std::string& value : values) {
    if (text.size() > 1) text.push_back(',');
    text.push_back('"');
    for (char c : value) {
      if (c == '"' || c == '\\') text.push_back('\\');
      text.push_back(c);
    }
    text.push_back('"');
  }
  text.push_back('}');
  return text;
}

Value IntArrayParam(const std::vector<int32_t>& values) {
  return absl::StrCat("{", absl::StrJoin(values, ","), "}");
}

const Value& Row::at(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < size());
  return values_[static_cast<size_t>(column)];
}

bool Row::IsNull(int column) const { return !at(column).has_value(); }

const std::string& Row::Text(int column) const {
  return at(column).has_value() ? *at(column) : Empty();
}

int32_t Row::Int(int column) const {
  int32_t value = 0;
  LOCKSTEP_CHECK(IsNull(column) || absl::SimpleAtoi(Text(column), &value));
  return value;
}

int64_t Row::Long(int column) const {
  int64_t value = 0;
  LOCKSTEP_CHECK(IsNull(column) || absl::SimpleAtoi(Text(column), &value));
  return value;
}

double Row::Double(int column) const {
  double value = 0;
  LOCKSTEP_CHECK(IsNull(column) || absl::SimpleAtod(Text(column), &value));
  return value;
}

bool Row::Bool(int column) const { return Text(column) == "t"; }

std::string Row::Bytes(int column) const {
  if (IsNull(column)) return "";
  const absl::string_view text = Text(column);
  LOCKSTEP_CHECK(text.substr(0, 2) == "\\x");
  const auto bytes = base::FromHex(text.substr(2));
  LOCKSTEP_CHECK(bytes.has_value());
  return *bytes;
}

std::vector<int32_t> Row::IntArray(int column) const {
  std::vector<int32_t> values;
  if (IsNull(column)) return values;
  for (const std::string& item : ParseArray(Text(column))) {
    int32_t value = 0;
    LOCKSTEP_CHECK(absl::SimpleAtoi(item, &value));
    values.push_back(value);
  }
  return values;
}

std::vector<std::string> Row::TextArray(int column) const {
  return IsNull(column) ? std::vector<std::string>{} : ParseArray(Text(column));
}

const Row& Result::only() const {
  LOCKSTEP_CHECK(rows.size() == 1);
  return rows[0];
}

}  // namespace lockstep::postgres
