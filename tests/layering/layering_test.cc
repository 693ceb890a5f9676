// The sources against the layer table, and the table's reader against trees that break it: a check
// that cannot fail is worth nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/layering/function_length.h"
#include "tests/layering/layers.h"
#include "tests/layering/source_tree.h"
#include "tests/support/repo_paths.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<Source> OurSources() { return LoadSources(SourcePath("")); }

// The problems of a tree with this one file.
std::vector<std::string> ProblemsOf(const std::string& path, const std::string& text) {
  return CheckIncludes({MakeSource(path, text)});
}

std::string Including(const std::string& name) { return "#include \"" + name + "\"\n"; }

TEST(OurSources, AreThere) {
  const auto sources = OurSources();
  EXPECT_GT(sources.size(), 50u);
  int includes = 0;
  for (const Source& source : sources) {
    for (const std::string& line : source.lines) includes += line.rfind("#include", 0) == 0;
  }
  EXPECT_GT(includes, 200);
}

TEST(OurSources, KeepToTheLayers) { EXPECT_THAT(CheckIncludes(OurSources()), IsEmpty()); }

TEST(OurSources, IncludeHttplibInOneFileOfAProgram) {
  EXPECT_THAT(CheckHttplib(OurSources()), IsEmpty());
}

TEST(OurSources, HaveNoFunctionTooLongToRead) {
  EXPECT_THAT(LongFunctions(OurSources()), IsEmpty());
}

TEST(LayerTable, HasNoCycleAndNoUnknownRoom) { EXPECT_THAT(CheckCycles(Layers()), IsEmpty()); }

TEST(LayerTable, CyclesAreFound) {
  EXPECT_THAT(CheckCycles({{"a", {"b"}, {}}, {"b", {"a"}, {}}}),
              ElementsAre("a reaches itself", "b reaches itself"));
  EXPECT_THAT(CheckCycles({{"a", {"nowhere"}, {}}}), SizeIs(1));
}

TEST(CheckIncludes, ATreeOnDiskWithAViolationFails) {
  TempDir tree;
  tree.Write("engine/base/clock.h", "#include <string>\n");
  tree.Write("engine/chain/chain.cc", Including("engine/base/clock.h"));
  tree.Write("docs/notes.h", Including("pqxx/pqxx"));  // Not a source of ours.
  EXPECT_THAT(LoadSources(tree.path()), SizeIs(2));
  EXPECT_THAT(CheckIncludes(LoadSources(tree.path())), IsEmpty());
  tree.Write("engine/base/retry.h", "// Upwards.\n" + Including("engine/chain/chain.h"));
  EXPECT_THAT(CheckIncludes(LoadSources(tree.path())),
              ElementsAre("engine/base/retry.h:2: engine/base must not include "
                          "engine/chain/chain.h (room engine/chain)"));
}

TEST(CheckIncludes, DriversStayInTheirRooms) {
  for (const char* driver : {"<pqxx/pqxx>", "<libpq-fe.h>"}) {
    const std::string text = absl::StrCat("#include ", driver, "\n");
    EXPECT_THAT(ProblemsOf("engine/postgres/x.cc", text), IsEmpty()) << driver;
    for (const char* path : {"engine/base/x.cc", "engine/apply/x.cc", "coordinator/store/x.cc",
                             "agent/x.cc", "ctl/x.cc", "engine/catalog/x.cc"}) {
      EXPECT_THAT(ProblemsOf(path, text), SizeIs(1)) << path << " " << driver;
    }
  }
  EXPECT_THAT(ProblemsOf("engine/sql/x.cc", "#include <pg_query.h>\n"), IsEmpty());
  EXPECT_THAT(ProblemsOf("engine/chain/x.cc", "#include <pg_query.h>\n"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("engine/chain/x.cc", Including("yaml-cpp/yaml.h")), IsEmpty());
  EXPECT_THAT(ProblemsOf("ctl/x.cc", Including("yaml-cpp/yaml.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("engine/chain/x.h", "#include <thread>\n"), SizeIs(1));
}

TEST(CheckIncludes, TheWireStaysAtTheEdges) {
  for (const char* name : {"lockstep/v1/agent.pb.h", "google/rpc/status.pb.h"}) {
    EXPECT_THAT(ProblemsOf("proto/convert/x.cc", Including(name)), IsEmpty());
    EXPECT_THAT(ProblemsOf("engine/apply/x.cc", Including(name)), SizeIs(1));
    EXPECT_THAT(ProblemsOf("coordinator/operation/x.cc", Including(name)), SizeIs(1));
    EXPECT_THAT(ProblemsOf("agent/process/x.cc", Including(name)), SizeIs(1));
  }
  EXPECT_THAT(ProblemsOf("coordinator/lease/x.cc", "#include <grpcpp/grpcpp.h>\n"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("coordinator/lease/x.cc", Including("lockstep/v1/agent.grpc.pb.h")),
              ElementsAre(HasSubstr("library grpc")));
}

TEST(CheckIncludes, ProgramsDoNotIncludeEachOther) {
  EXPECT_THAT(ProblemsOf("agent/x.cc", Including("coordinator/fleet/fleet.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("agent/x.cc", Including("ctl/output.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("coordinator/rpc/x.cc", Including("agent/wire.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("ctl/direct/x.cc", Including("coordinator/operation/plan.h")), IsEmpty());
  EXPECT_THAT(ProblemsOf("ctl/direct/x.cc", Including("coordinator/rpc/watch.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("coordinator/rpc/x.cc", Including("engine/postgres/pool.h")), SizeIs(1));
}

// Who links lockstep::agent gets no server.
TEST(CheckIncludes, TheHealthServerIsOfTheAgentsProgramAlone) {
  EXPECT_THAT(ProblemsOf("agent/process/x.cc", Including("agent/health/health_server.h")),
              IsEmpty());
  EXPECT_THAT(ProblemsOf("agent/health/x.cc", Including("proto/serve/health_service.h")),
              IsEmpty());
  for (const char* header : {"agent/health/health_server.h", "proto/serve/health_service.h"}) {
    EXPECT_THAT(ProblemsOf("agent/x.cc", Including(header)), SizeIs(1)) << header;
  }
}

TEST(CheckIncludes, ThePublicHeaderNeedsNothingOfOurs) {
  const std::string path = "agent/include/lockstep/agent.h";
  EXPECT_THAT(ProblemsOf(path, Including("absl/status/status.h")), IsEmpty());
  EXPECT_THAT(ProblemsOf(path, Including("engine/base/clock.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("agent/process/run.cc", Including("lockstep/agent.h")), IsEmpty());
  EXPECT_THAT(ProblemsOf("agent/process/run.cc", Including("agent/session.h")), SizeIs(1));
  EXPECT_THAT(ProblemsOf("coordinator/rpc/x.cc", Including("lockstep/agent.h")), SizeIs(1));
}

TEST(CheckIncludes, EveryFileNeedsARoom) {
  EXPECT_THAT(ProblemsOf("engine/newroom/x.cc", ""),
              ElementsAre("engine/newroom/x.cc: in no room of the layer table"));
}

TEST(CheckIncludes, ReadsEveryFormOfAnInclude) {
  for (const char* line : {"#include <pqxx/pqxx>", "#  include <pqxx/pqxx>",
                           "#include\"pqxx/pqxx\"", "  #include <pqxx/pqxx>  // why"}) {
    EXPECT_THAT(ProblemsOf("ctl/x.cc", line), SizeIs(1)) << line;
  }
  EXPECT_THAT(ProblemsOf("ctl/x.cc", "// #include <pqxx/pqxx>"), IsEmpty());
  EXPECT_THAT(ProblemsOf("ctl/x.cc", "/*\n#include <pqxx/pqxx>\n*/"), IsEmpty());
  EXPECT_THAT(ProblemsOf("ctl/x.cc", "#include \"ctl/app.cc\""), SizeIs(1));
}

TEST(CheckHttplib, AllowsOneSourceFileOfAProgram) {
  const Source one = MakeSource("agent/process/http_server.cc", "#include <httplib.h>\n");
  const Source other = MakeSource("coordinator/http/server.cc", "#include <httplib.h>\n");
  EXPECT_THAT(CheckHttplib({one, other}), IsEmpty());
  EXPECT_THAT(CheckHttplib({one, MakeSource("agent/process/run.cc", Including("httplib.h"))}),
              SizeIs(1));
  EXPECT_THAT(CheckHttplib({MakeSource("ctl/x.h", Including("httplib.h"))}), SizeIs(1));
}

std::string Repeat(int count, const std::string& line) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line;
  return text;
}

std::vector<std::string> LongIn(const std::string& text) {
  return LongFunctions({MakeSource("ctl/x.cc", text)});
}

TEST(LongFunctions, CountsFromSignatureToBrace) {
  const std::string head = "namespace a {\n\nint F(int x,\n      int y) {\n";
  EXPECT_THAT(LongIn(head + Repeat(67, "  G();\n") + "}\n}  // namespace a\n"), IsEmpty());
  EXPECT_THAT(LongIn(head + Repeat(68, "  G();\n") + "}\n}  // namespace a\n"),
              ElementsAre("ctl/x.cc:3: a function of 71 lines: int F(int x,"));
}

TEST(LongFunctions, SeesMethodsInClassesAndNotClassesOrData) {
  const std::string body = Repeat(80, "    G();\n");
  EXPECT_THAT(LongIn("class C {\n  void F() {\n" + body + "  }\n};\n"), SizeIs(1));
  EXPECT_THAT(LongIn("struct S {\n" + Repeat(80, "  int F();\n") + "};\n"), IsEmpty());
  EXPECT_THAT(LongIn("constexpr int kTable[] = {\n" + Repeat(80, "  1,\n") + "};\n"), IsEmpty());
}

TEST(LongFunctions, IsNotMisledByLiteralsCommentsAndMacros) {
  EXPECT_THAT(LongIn("void F() { G(\"{\"); }  // {\n" + Repeat(80, "int a;\n")), IsEmpty());
  EXPECT_THAT(LongIn("const char k[] = R\"sql(\nvoid F() {\n" + Repeat(80, "x\n") + ")sql\";\n"),
              IsEmpty());
  EXPECT_THAT(LongIn("#define M(x) \\\n  do { \\\n" + Repeat(80, "int a;\n")), IsEmpty());
}

}  // namespace
}  // namespace lockstep::testing
