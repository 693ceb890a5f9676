#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/sanitize.h"
#include "ctl/scaffold.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

struct NewFile {
  std::string path;
  std::string text;
  chain::Version version = 0;  // 0 for a backfill.
};

// A number that chain.sum knows and no file has is not free: its file is elsewhere, in another
// branch or in a trash bin.
absl::Status CheckNoneMissing(const std::string& directory, const chain::Chain& local) {
  const auto stored = chain::LoadChainSum(ChainSumPath(directory));
  if (!stored.ok() || stored->head() <= local.head()) return absl::OkStatus();
  const chain::ChainEntry& missing = stored->entries[local.head()];
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, "CHAIN_SUM_STALE",
      absl::StrCat(ChainSumPath(directory), " lists ",
                   MigrationFileName(missing.version, missing.title), ", which is not there"),
      {{"file", ChainSumPath(directory)}, {"version", absl::StrCat(missing.version)}},
      "restore the file; or, when it was removed on purpose and never published, `lockstep sum`");
}

std::string PathOf(const std::string& directory, absl::string_view name) {
  return absl::StrCat(directory, absl::EndsWith(directory, "/") ? "" : "/", name);
}

absl::StatusOr<NewFile> Migration(const std::string& directory, const chain::Chain& local,
                                  const std::string& title) {
  const chain::Version version = local.head() + 1;
  return NewFile{.path = PathOf(directory, MigrationFileName(version, title)),
                 .text = MigrationTemplate(version, title),
                 .version = version};
}

absl::StatusOr<NewFile> Backfill(const std::string& directory, const chain::Chain& local,
                                 const std::string& name, const Arguments& arguments) {
  const std::string key = arguments.Text("--key");
  const BackfillSpec spec = {.name = name,
                             .after = local.head(),
                             .table = arguments.Text("--table"),
                             .key = key.empty() ? "id" : key};
  if (spec.table.empty()) {
    return UsageError("a backfill needs --table TABLE", "the table whose rows it goes through");
  }
  if (spec.after == 0) {
    return UsageError("a backfill runs after a migration, and there is none yet",
                      "`lockstep new TITLE`");
  }
  NewFile file = {.path = PathOf(directory, absl::StrCat("backfills/", name, ".sql")),
                  .text = BackfillTemplate(spec)};
  // What was typed becomes directives; the reader of directives is the judge.
  const auto read = chain::ReadBackfill(file.path, file.text);
  if (!read.ok()) return UsageError(read.status().message());
  return file;
}

bool IsPlainName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

absl::StatusOr<NewFile> DualWrite(const std::string& directory, const chain::Chain& local,
                                  const std::string& title, const Arguments& arguments) {
  const std::vector<std::string> columns = absl::StrSplit(arguments.Text("--dual-write"), '=');
  const std::string table = arguments.Text("--table");
  if (columns.size() != 2 || !IsPlainName(columns[0]) || !IsPlainName(columns[1])) {
    return UsageError("--dual-write needs two columns, OLD=NEW", "--dual-write total=total_cents");
  }
  if (table.empty() || table.find_first_of(";'\" \n") != table.npos) {
    return UsageError("--dual-write needs --table TABLE", "the table that has the two columns");
  }
  const chain::Version version = local.head() + 1;
  return NewFile{.path = PathOf(directory, MigrationFileName(version, title)),
                 .text = DualWriteTemplate(version, title,
                                           {.table = table, .from = columns[0], .to = columns[1]}),
                 .version = version};
}

absl::Status Write(const NewFile& file) {
  std::error_code ignored;  // What is wrong shows when the file is created.
  std::filesystem::create_directories(std::filesystem::path(file.path).parent_path(), ignored);
  const absl::Status written = base::WriteNewFile(file.path, file.text);
  if (!absl::IsAlreadyExists(written)) return written;
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "FILE_EXISTS",
                         absl::StrCat(file.path, " is there already"), {{"path", file.path}},
                         "edit it, or choose another title");
}

}  // namespace

absl::StatusOr<int> RunNew(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string title, MakeTitle(arguments.argument()));
  const std::string directory = MigrationsDirectory(arguments);
  ASSIGN_OR_RETURN(const chain::Chain before, LoadLocalChain(directory));
  RETURN_IF_ERROR(CheckNoneMissing(directory, before));
  ASSIGN_OR_RETURN(const NewFile file,
                   arguments.Has("--backfill")     ? Backfill(directory, before, title, arguments)
                   : arguments.Has("--dual-write") ? DualWrite(directory, before, title, arguments)
                                                   : Migration(directory, before, title));
  RETURN_IF_ERROR(Write(file));
  ASSIGN_OR_RETURN(const chain::Chain after, LoadLocalChain(directory));
  const std::string sum = ChainSumPath(directory);
  RETURN_IF_ERROR(base::WriteFileAtomically(sum, chain::FormatChainSum(after.sum())));
  if (context.flags.json) {
    const nlohmann::ordered_json document = {{"path", file.path},
                                             {"version", file.version},
                                             {"title", title},
                                             {"chainSum", sum},
                                             {"head", after.head()}};
    context.console.Data(document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) +
                         "\n");
    return kExitDone;
  }
  context.console.Data(absl::StrCat(Sanitize(file.path), "\n"));
  context.console.Say(absl::StrCat("wrote ", Sanitize(sum),
                                   "; after writing the SQL: `lockstep sum && lockstep check`"));
  return kExitDone;
}

}  // namespace lockstep::ctl
