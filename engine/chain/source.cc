#include "engine/chain/source.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/chain/migration.h"
#include "engine/sql/split.h"

namespace lockstep::chain {
namespace {

unsigned char Byte(absl::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The size of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7: no overlong forms, no
// surrogates, nothing beyond U+10FFFF), or 0.
size_t Utf8SequenceSize(absl::string_view text, size_t at) {
  const unsigned char lead = Byte(text, at);
  if (lead < 0x80) return 1;
  size_t size = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  }
  if (size == 0 || at + size > text.size()) return 0;
  if (Byte(text, at + 1) < low || Byte(text, at + 1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((Byte(text, at + i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

// The offset of the first byte that PostgreSQL would not take; the size of the text if none.
size_t FirstBadByte(absl::string_view text) {
  size_t at = 0;
  while (at < text.size() && text[at] != '\0') {
    const size_t size = Utf8SequenceSize(text, at);
    if (size == 0) break;
    at += size;
  }
  return at;
}

absl::Status MakeSourceError(absl::string_view position, absl::string_view reason,
                             absl::string_view message, std::map<std::string, std::string> metadata,
                             absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, reason,
                         absl::StrCat(position, ": ", message), std::move(metadata), hint);
}

bool IsPlainIdentifierByte(char c, bool first) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                      static_cast<unsigned char>(c) >= 0x80;
  return letter || (!first && ((c >= '0' && c <= '9') || c == '$'));
}

// Moves `at` behind one identifier; false when there is none.
bool SkipIdentifier(absl::string_view text, size_t* at) {
  const size_t start = *at;
  if (start < text.size() && text[start] == '"') {
    for (size_t i = start + 1; i < text.size(); ++i) {
      if (text[i] != '"') continue;
      if (i + 1 < text.size() && text[i + 1] == '"') {
        ++i;
        continue;
      }
      *at = i + 1;
      return i > start + 1;
    }
    return false;
  }
  while (*at < text.size() && IsPlainIdentifierByte(text[*at], *at == start)) ++*at;
  return *at > start;
}

}  // namespace

absl::StatusOr<Source> ReadSource(absl::string_view file, absl::string_view bytes,
                                  int64_t max_bytes) {
  if (static_cast<int64_t>(bytes.size()) > max_bytes) return FileTooLarge(file, max_bytes);
  Source source = {.file = std::string(file), .text = NormalizeText(bytes)};
  const size_t bad = FirstBadByte(source.text);
  if (bad == source.text.size()) return source;
  if (source.text[bad] == '\0') {
    return ErrorAt(source, bad, "NOT_UTF8", "a NUL byte; PostgreSQL cannot take one in a text",
                   "save the file as UTF-8 (UTF-16 is full of NUL bytes)");
  }
  return ErrorAt(source, bad, "NOT_UTF8",
                 absl::StrCat("the byte 0x", absl::Hex(Byte(source.text, bad), absl::kZeroPad2),
                              " does not belong to a UTF-8 text"),
                 "save the file as UTF-8");
}

absl::Status ErrorAt(const Source& source, size_t offset, absl::string_view reason,
                     absl::string_view message, absl::string_view hint) {
  const sql::LineColumn at = sql::PositionOf(source.text, offset);
  return MakeSourceError(
      absl::StrCat(source.file, ":", at.line, ":", at.column), reason, message,
      {{"file", source.file}, {"line", absl::StrCat(at.line)}, {"column", absl::StrCat(at.column)}},
      hint);
}

absl::Status ErrorInLine(absl::string_view file, int line, absl::string_view reason,
                         absl::string_view message, absl::string_view hint) {
  return MakeSourceError(absl::StrCat(file, ":", line), reason, message,
                         {{"file", std::string(file)}, {"line", absl::StrCat(line)}}, hint);
}

absl::Status ErrorInFile(absl::string_view file, absl::string_view reason,
                         absl::string_view message, absl::string_view hint) {
  return MakeSourceError(file, reason, message, {{"file", std::string(file)}}, hint);
}

absl::Status FileTooLarge(absl::string_view file, int64_t max_bytes) {
  return MakeSourceError(file, "FILE_TOO_LARGE",
                         absl::StrCat("the file has more than ", max_bytes, " bytes"),
                         {{"file", std::string(file)}, {"limit", absl::StrCat(max_bytes)}},
                         "split the file, or load bulk data with a backfill");
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

bool IsSnakeCase(absl::string_view text) {
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return !text.empty();
}

bool IsDottedName(absl::string_view text, int max_parts) {
  size_t at = 0;
  for (int part = 1; part <= max_parts; ++part) {
    if (!SkipIdentifier(text, &at)) return false;
    if (at == text.size()) return true;
    if (text[at++] != '.') return false;
  }
  return false;
}

bool ParseNumber(absl::string_view text, int low, int high, int* value) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return false;
  return absl::SimpleAtoi(text, value) && *value >= low && *value <= high;
}

}  // namespace lockstep::chain
