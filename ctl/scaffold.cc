#include "ctl/scaffold.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "ctl/errors.h"

namespace lockstep::ctl {
namespace {

constexpr char kMigrationText[] = R"(--
-- One file is one migration and one transaction: plain SQL, without BEGIN or COMMIT.
-- Directives stand above the first statement, each on a line `-- lockstep:NAME VALUE`:
--   phase expand|data|neutral|contract   strengthens what the SQL itself says
--   after-contract N, needs-backfill NAME   what has to run before
--   lock-timeout 2s, statement-timeout 5m, min-postgres 14
--   transaction none   for what cannot run in a transaction
-- After an edit: `lockstep sum`. Before a commit: `lockstep check`.

)";

constexpr char kBackfillText[] = R"(-- lockstep:batch 1000
--
-- $name: say here what it fills in, and why.
--
-- It runs in batches, and after a crash it goes on where it was, so every statement may be
-- repeated: what is done must not be done again. Optional above: `-- lockstep:throttle 100ms`,
-- and sections named prepare (once, before the batches), verify (what is left to do: no rows)
-- and finish. See docs/backfills.md.

-- lockstep:section batch

-- One batch: the rows with $1 < $key <= $2. Put the UPDATE here.
SELECT count(*) FROM $table WHERE $key > $1 AND $key <= $2;
)";

constexpr char kDualWriteText[] = R"(--
-- While code that knows $from and code that knows $to both run, whoever writes one of them
-- writes the other too. Add $to first. Where the two differ in type or meaning, correct the
-- four assignments. A backfill then fills the rows that are there, and a contract removes the
-- trigger together with $from.

CREATE FUNCTION $function() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.$to := coalesce(NEW.$to, NEW.$from);
    NEW.$from := coalesce(NEW.$from, NEW.$to);
  ELSIF NEW.$from IS DISTINCT FROM OLD.$from THEN
    NEW.$to := NEW.$from;
  ELSIF NEW.$to IS DISTINCT FROM OLD.$to THEN
    NEW.$from := NEW.$to;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER $function BEFORE INSERT OR UPDATE ON $table
  FOR EACH ROW EXECUTE FUNCTION $function();
)";

constexpr char kServiceText[] = R"(
# Contracts up to this version remove nothing that this code uses. Raise it in the change that
# removes the last use.
adapted_to: 0
# The lowest version this code runs on; without the line: the newest expand or data migration
# that the build knows.
# needs: 1
# Without a coordinator: keep serving, or stop.
on_session_loss: keep
)";

}  // namespace

absl::StatusOr<std::string> MakeTitle(absl::string_view words) {
  std::string title;
  bool parted = false;
  for (const char c : words) {
    if (absl::ascii_isspace(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      parted = true;
      continue;
    }
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      return UsageError(
          absl::StrCat("a title has letters a-z, digits and blanks only, not \"", words, "\""),
          "for example `lockstep new add user settings`");
    }
    if (parted && !title.empty()) title += '_';
    parted = false;
    title += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  if (title.empty()) return UsageError("the title has no word");
  if (title.size() > kMaxTitleBytes) {
    return UsageError(absl::StrCat("the title has ", title.size(), " characters, at most ",
                                   kMaxTitleBytes, " are possible"),
                      "a title is a few words; the file itself has room for the reasons");
  }
  return title;
}

std::string MigrationFileName(chain::Version version, absl::string_view title) {
  return absl::StrFormat("%03d_%s.sql", version, title);
}

std::string MigrationTemplate(chain::Version version, absl::string_view title) {
  return absl::StrFormat("-- %03d %s\n%s", version, absl::StrReplaceAll(title, {{"_", " "}}),
                         kMigrationText);
}

std::string BackfillTemplate(const BackfillSpec& spec) {
  return absl::StrCat(
      "-- lockstep:after ", spec.after, "\n-- lockstep:table ", spec.table, "\n-- lockstep:key ",
      spec.key, "\n",
      absl::StrReplaceAll(kBackfillText,
                          {{"$name", spec.name}, {"$table", spec.table}, {"$key", spec.key}}));
}

std::string DualWriteTemplate(chain::Version version, absl::string_view title,
                              const DualWriteSpec& spec) {
  const std::string function = absl::StrCat("keep_", spec.from, "_and_", spec.to);
  return absl::StrFormat("-- %03d %s\n%s", version, absl::StrReplaceAll(title, {{"_", " "}}),
                         absl::StrReplaceAll(kDualWriteText, {{"$function", function},
                                                              {"$table", spec.table},
                                                              {"$from", spec.from},
                                                              {"$to", spec.to}}));
}

std::string ServiceFileTemplate(absl::string_view service) {
  return absl::StrCat("service: ", service, kServiceText);
}

}  // namespace lockstep::ctl
