#include "engine/postgres/result.h"

#include <gtest/gtest.h>

namespace lockstep::postgres {
namespace {

TEST(Row, ReadsTextForms) {
  const Row row({"42", "9000000000", "1.5", "t", "f", "\\x00ff", std::nullopt});
  EXPECT_EQ(row.Int(0), 42);
  EXPECT_EQ(row.Long(1), 9'000'000'000);
  EXPECT_EQ(row.Double(2), 1.5);
  EXPECT_TRUE(row.Bool(3));
  EXPECT_FALSE(row.Bool(4));
  EXPECT_EQ(row.Bytes(5), std::string("\x00\xff", 2));
  EXPECT_TRUE(row.IsNull(6));
  EXPECT_EQ(row.size(), 7);
}

TEST(Row, NullReadsAsTheEmptyValue) {
  const Row row({std::nullopt});
  EXPECT_EQ(row.Text(0), "");
  EXPECT_EQ(row.Int(0), 0);
  EXPECT_EQ(row.Long(0), 0);
  EXPECT_FALSE(row.Bool(0));
  EXPECT_EQ(row.Bytes(0), "");
  EXPECT_TRUE(row.IntArray(0).empty());
  EXPECT_TRUE(row.TextArray(0).empty());
}

TEST(Row, ReadsArrays) {
  const Row row({"{1,-2,3}", R"({plain,"with, comma","quo\"te","back\\slash","",ä})", "{}"});
  EXPECT_EQ(row.IntArray(0), (std::vector<int32_t>{1, -2, 3}));
  EXPECT_EQ(row.TextArray(1),
            (std::vector<std::string>{"plain", "with, comma", "quo\"te", "back\\slash", "", "ä"}));
  EXPECT_TRUE(row.TextArray(2).empty());
}

TEST(Param, FormatsAsPostgresqlReads) {
  EXPECT_EQ(Param(int32_t{-7}), "-7");
  EXPECT_EQ(Param(int64_t{9'000'000'000}), "9000000000");
  EXPECT_EQ(Param(true), "true");
  EXPECT_EQ(BytesParam("\x01\xfe"), "\\x01fe");
  EXPECT_EQ(NullParam(), std::nullopt);
  EXPECT_EQ(IntArrayParam({1, 2}), "{1,2}");
  EXPECT_EQ(TextArrayParam({"a", "b\"c\\d"}), R"({"a","b\"c\\d"})");
  EXPECT_EQ(TextArrayParam({}), "{}");
}

TEST(RowDeathTest, AWrongColumnIsAProgrammersError) {
  const Row row({"x"});
  EXPECT_DEATH(row.Text(1), "check failed");
  EXPECT_DEATH(row.Text(-1), "check failed");
  EXPECT_DEATH(row.Int(0), "check failed");
  EXPECT_DEATH(Result{}.only(), "check failed");
}

}  // namespace
}  // namespace lockstep::postgres
