#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"
#include "engine/chain/source.h"

namespace lockstep::chain {
namespace {

// Stored in every chain.sum; a new algorithm gets a new line.
constexpr absl::string_view kHeader = "lockstep chain.sum ls1-sha256";
constexpr absl::string_view kHeaderStart = "lockstep chain.sum ";
constexpr absl::string_view kBackfill = "B";
constexpr char kHint[] =
    "do not edit chain.sum by hand: resolve the conflict in the migrations and "
    "run `lockstep sum`";

// Only the lower-case form that FormatChainSum writes, so that equal sums are equal texts.
bool ParseHash(absl::string_view hex, std::string* raw) {
  const std::optional<std::string> bytes = base::FromHex(hex);
  if (!bytes.has_value() || bytes->size() != base::kSha256Bytes) return false;
  *raw = *bytes;
  return base::ToHex(*raw) == hex;
}

// Reads the lines behind the header one at a time into a sum.
class Parser {
 public:
  explicit Parser(absl::string_view file) : file_(file) {}

  absl::Status Add(int number, absl::string_view line) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.size() == 3 && fields[0] == kBackfill) return AddBackfill(number, fields);
    if (fields.size() == 4) return AddVersion(number, fields);
    return Bad(number, absl::StartsWith(line, "<<<<<<<") || absl::StartsWith(line, "=======")
                           ? "a conflict of two branches that nobody resolved"
                           : "neither `NNN title digest chainhash` nor `B name digest`");
  }

  ChainSum Take() { return std::move(sum_); }

  absl::Status Bad(int number, absl::string_view message) const {
    return ErrorInLine(file_, number, "BAD_CHAIN_SUM", message, kHint);
  }

 private:
  absl::Status AddVersion(int number, const std::vector<absl::string_view>& fields) {
    ChainEntry entry = {.version = sum_.head() + 1, .title = std::string(fields[1])};
    if (!sum_.backfills.empty()) return Bad(number, "a version after the backfills");
    if (fields[0] != absl::StrFormat("%03d", entry.version)) {
      return Bad(number, absl::StrFormat("\"%s\" stands where version %03d should be",
                                         std::string(fields[0]), entry.version));
    }
    if (!IsSnakeCase(entry.title)) return Bad(number, "a title that is not in [a-z0-9_]");
    if (!ParseHash(fields[2], &entry.digest) || !ParseHash(fields[3], &entry.chain_hash)) {
      return Bad(number, "a digest or chain hash that is not 64 lower-case hexadecimal digits");
    }
    if (entry.chain_hash !=
        NextChainHash(sum_.head_hash(), entry.version, entry.title, entry.digest)) {
      return Bad(number,
                 "the chain hash does not follow from this line and those before it: the "
                 "file was edited");
    }
    sum_.entries.push_back(std::move(entry));
    return absl::OkStatus();
  }

  absl::Status AddBackfill(int number, const std::vector<absl::string_view>& fields) {
    ChainSum::BackfillEntry entry = {.name = std::string(fields[1])};
    if (!IsSnakeCase(entry.name)) return Bad(number, "a backfill's name that is not in [a-z0-9_]");
    if (!ParseHash(fields[2], &entry.digest)) {
      return Bad(number, "a digest that is not 64 lower-case hexadecimal digits");
    }
    if (!sum_.backfills.empty() && sum_.backfills.back().name >= entry.name) {
      return Bad(number, "the backfills are not in the order of their names");
    }
    sum_.backfills.push_back(std::move(entry));
    return absl::OkStatus();
  }

  const absl::string_view file_;
  ChainSum sum_;
};

}  // namespace

std::string FormatChainSum(const ChainSum& sum) {
  std::string text = absl::StrCat(kHeader, "\n");
  for (const ChainEntry& entry : sum.entries) {
    absl::StrAppendFormat(&text, "%03d %s %s %s\n", entry.version, entry.title,
                          base::ToHex(entry.digest), base::ToHex(entry.chain_hash));
  }
  for (const ChainSum::BackfillEntry& backfill : sum.backfills) {
    absl::StrAppend(&text, kBackfill, " ", backfill.name, " ", base::ToHex(backfill.digest), "\n");
  }
  return text;
}

absl::StatusOr<ChainSum> ParseChainSum(absl::string_view file, absl::string_view text) {
  const std::string normalized = NormalizeText(text);
  absl::string_view rest = normalized;
  absl::ConsumeSuffix(&rest, "\n");
  const std::vector<absl::string_view> lines = absl::StrSplit(rest, '\n');
  Parser parser(file);
  if (lines[0] != kHeader) {
    return parser.Bad(1, absl::StartsWith(lines[0], kHeaderStart)
                             ? "made with another algorithm than ls1-sha256, by a newer lockstep"
                             : "the first line is not the header of a chain.sum");
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    RETURN_IF_ERROR(parser.Add(static_cast<int>(i) + 1, lines[i]));
  }
  return parser.Take();
}

}  // namespace lockstep::chain
