#include "ctl/sanitize.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace lockstep::ctl {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Characters that a terminal obeys or that a reader cannot see.
constexpr Range kHidden[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

// The blocks that matter in names and titles; not a copy of the whole Unicode table.
constexpr Range kCombining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},   {0x20d0, 0x20ff},
    {0x302a, 0x302d}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

template <size_t N>
bool Contains(const Range (&ranges)[N], uint32_t rune) {
  for (const Range& range : ranges) {
    if (rune >= range.first && rune <= range.last) return true;
  }
  return false;
}

struct Rune {
  bool valid;
  uint32_t value;
  size_t size;  // 1 for a byte that is not UTF-8.
};

// Strict: overlong forms, surrogates and values above U+10FFFF are invalid.
Rune Decode(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {true, lead, 1};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {false, lead, 1};
  uint32_t value = lead & (0xff >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {false, lead, 1};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[size] || surrogate || value > 0x10ffff) return {false, lead, 1};
  return {true, value, size};
}

std::string Escape(const Rune& rune) {
  if (rune.valid && rune.value == '\n') return "\\n";
  if (rune.valid && rune.value == '\r') return "\\r";
  if (rune.valid && rune.value == '\t') return "\\t";
  if (!rune.valid || rune.value <= 0x7f) return absl::StrFormat("\\x%02x", rune.value);
  return absl::StrFormat("\\u%04x", rune.value);
}

std::string SanitizeKeeping(absl::string_view text, bool keep_lines) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = Decode(text);
    const bool kept = keep_lines && (rune.value == '\n' || rune.value == '\t');
    if (rune.valid && (kept || !Contains(kHidden, rune.value))) {
      clean.append(text.data(), rune.size);
    } else {
      clean += Escape(rune);
    }
    text.remove_prefix(rune.size);
  }
  return clean;
}

int WidthOf(const Rune& rune) {
  if (Contains(kCombining, rune.value)) return 0;
  return Contains(kWide, rune.value) ? 2 : 1;
}

}  // namespace

std::string Sanitize(absl::string_view text) { return SanitizeKeeping(text, false); }

std::string SanitizeText(absl::string_view text) { return SanitizeKeeping(text, true); }

int DisplayWidth(absl::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Rune rune = Decode(text);
    width += WidthOf(rune);
    text.remove_prefix(rune.size);
  }
  return width;
}

std::string Truncate(absl::string_view text, int width) {
  if (width <= 0) return "";
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string kept;
  int used = 1;  // The ellipsis.
  while (!text.empty()) {
    const Rune rune = Decode(text);
    if (used + WidthOf(rune) > width) break;
    used += WidthOf(rune);
    kept.append(text.data(), rune.size);
    text.remove_prefix(rune.size);
  }
  return kept + "…";
}

}  // namespace lockstep::ctl
