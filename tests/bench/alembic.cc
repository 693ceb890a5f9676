#include "tests/bench/alembic.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::bench {
namespace {

// What `alembic init` writes, without logging to a terminal.
constexpr char kEnvironment[] = R"py(import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["BENCH_DATABASE"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
)py";

void Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// A colon would be a bind parameter of SQLAlchemy's text(), so the driver gets the SQL as it is;
// it has no parameters, so a percent sign is one.
std::string RevisionOf(const chain::Migration& migration) {
  return absl::StrFormat(
      R"py(from alembic import op

revision = "%03d"
down_revision = %s
branch_labels = None
depends_on = None

SQL = r"""%s"""


def upgrade():
    op.execute(SQL.replace(":", "\\:"))


def downgrade():
    raise NotImplementedError
)py",
      migration.version,
      migration.version == 1 ? "None" : absl::StrFormat("\"%03d\"", migration.version - 1),
      migration.sql);
}

}  // namespace

std::string AlembicVersion() {
  const auto result = testing::RunCommand(
      {.argv = {"/usr/bin/python3", "-c",
                "import alembic, sqlalchemy, psycopg2; print('Alembic', alembic.__version__ + ', "
                "SQLAlchemy', sqlalchemy.__version__ + ', psycopg2', psycopg2.__version__)"}});
  if (result.exit != testing::ExitStatus{}) return "";
  return std::string(absl::StripAsciiWhitespace(result.out));
}

void WriteAlembicProject(const std::string& directory, const chain::Chain& chain) {
  Write(directory + "/alembic.ini", "[alembic]\nscript_location = scripts\n");
  Write(directory + "/scripts/env.py", kEnvironment);
  for (const chain::Migration& migration : chain.migrations) {
    Write(absl::StrFormat("%s/scripts/versions/%03d_%s.py", directory, migration.version,
                          migration.title),
          RevisionOf(migration));
  }
}

testing::SubprocessOptions AlembicUpgrade(const std::string& directory,
                                          const testing::TestDatabase& db) {
  return {.argv = {"/usr/bin/python3", "-m", "alembic", "upgrade", "head"},
          .env = {{"BENCH_DATABASE",
                   absl::StrCat("postgresql+psycopg2://postgres@/", db.name(),
                                "?host=", db.server().socket_directory(), "&port=5432")}},
          .working_directory = directory};
}

}  // namespace lockstep::bench
