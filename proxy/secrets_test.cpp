#include "proxy/secrets.hpp"

#include "proxy/secret_command.hpp"

#include <gmock/gmock.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace sallyport {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = SecretSource::Kind;

class SecretsTest : public ::testing::Test {
 protected:
  SecretsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "secrets.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SecretsTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name + ".new")) << text;
    std::filesystem::rename(file(name + ".new"), file(name));
  }
  SecretsOptions options() {
    SecretsOptions made;
    made.tell = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      told_ += text + "\n";
      heard_.notify_all();
    };
    return made;
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  void wait_until_told(const std::string& text) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(heard_.wait_for(lock, std::chrono::seconds(20), [&] { return told_.find(text) != std::string::npos; }))
        << told_;
  }

 private:
  std::filesystem::path folder_;
  std::mutex mutex_;
  std::condition_variable heard_;
  std::string told_;
};

SecretSource source(Kind kind, const std::string& place, std::vector<std::string> command = {}) {
  return {"s", kind, place, std::move(command), std::nullopt, "policy.yaml:3"};
}

std::string value_of(const Secrets& secrets, const std::string& name = "s") {
  const auto value = secrets.current()->find(name);
  return value ? std::string(value->text()) : "nothing";
}

TEST_F(SecretsTest, AreReadFromTheEnvironment) {
  ::setenv("SALLYPORT_TEST_SECRET", "from the environment", 1);
  Secrets secrets(options());
  secrets.load({source(Kind::environment, "SALLYPORT_TEST_SECRET")});
  EXPECT_EQ(value_of(secrets), "from the environment");
  ::unsetenv("SALLYPORT_TEST_SECRET");
  secrets.load({source(Kind::environment, "SALLYPORT_TEST_SECRET")});
  EXPECT_EQ(value_of(secrets), "nothing");
  EXPECT_THAT(told(), HasSubstr("the secret \"s\" (policy.yaml:3) has no value"));
  EXPECT_THAT(told(), HasSubstr("SALLYPORT_TEST_SECRET is not set"));
}

TEST_F(SecretsTest, TheSameTextReadAgainIsTheSameValue) {
  write("token", "first value\n");
  Secrets secrets(options());
  secrets.load({source(Kind::file, file("token"))});
  const auto before = secrets.current()->find("s");
  secrets.load({source(Kind::file, file("token"))});
  EXPECT_EQ(secrets.current()->find("s"), before);
  write("token", "second value\n");
  secrets.load({source(Kind::file, file("token"))});
  EXPECT_NE(secrets.current()->find("s"), before);
}

TEST_F(SecretsTest, AFileIsReadAgainWhenItChanges) {
  write("token", "first value\n");
  Secrets secrets(options());
  secrets.load({source(Kind::file, file("token"))});
  EXPECT_EQ(value_of(secrets), "first value");
  write("token", "x");
  wait_until_told("has no value");
  EXPECT_EQ(value_of(secrets), "nothing");
  write("token", "second value\r\n");
  wait_until_told("has a value again");
  EXPECT_EQ(value_of(secrets), "second value");
  EXPECT_THAT(told(), Not(HasSubstr("second")));
}

TEST_F(SecretsTest, AreGoneWithThePolicyThatNamesThem) {
  write("token", "first value\n");
  Secrets secrets(options());
  secrets.load({source(Kind::file, file("token"))});
  secrets.load({});
  EXPECT_EQ(value_of(secrets), "nothing");
}

TEST_F(SecretsTest, ACommandsFirstLineIsTheValue) {
  Secrets secrets(options());
  secrets.load({source(Kind::command, "", {"/bin/sh", "-c", "echo noise >&2; printf 'line one\\nline two\\n'"})});
  EXPECT_EQ(value_of(secrets), "line one");
}

TEST_F(SecretsTest, ACommandIsRunAgainAfterAReload) {
  write("token", "first value\n");
  Secrets secrets(options());
  const auto cat = source(Kind::command, "", {"cat", file("token")});
  secrets.load({cat});
  EXPECT_EQ(value_of(secrets), "first value");
  std::filesystem::remove(file("token"));
  secrets.load({cat});
  wait_until_told("its command failed with status 1");
  EXPECT_EQ(value_of(secrets), "nothing");
}

TEST_F(SecretsTest, ACommandThatFailsOrTakesTooLongGivesNothing) {
  using std::chrono::milliseconds;
  EXPECT_THAT(run_secret_command({"/bin/sh", "-c", "echo secret; exit 3"}, milliseconds(10'000)).error().text,
              HasSubstr("failed with status 3"));
  EXPECT_THAT(run_secret_command({"/nonexistent/program"}, milliseconds(10'000)).error().text,
              HasSubstr("cannot be started"));
  EXPECT_THAT(run_secret_command({"/bin/sh", "-c", "echo secret; exec sleep 60"}, milliseconds(50)).error().text,
              HasSubstr("took too long"));
  EXPECT_THAT(run_secret_command({"cat", "/dev/zero"}, milliseconds(10'000)).error().text, HasSubstr("64 KiB"));
  EXPECT_THAT(run_secret_command({"/bin/sh", "-c", "sleep 60 & echo secret"}, milliseconds(200)).error().text,
              HasSubstr("took too long"));
}

TEST(PlaceholderVariables, StandWhereTheSecretsStood) {
  const auto variables = placeholder_variables({source(Kind::environment, "TOKEN"), source(Kind::file, "/f")});
  ASSERT_EQ(variables.size(), 1U);
  EXPECT_EQ(variables[0], std::pair(std::string("TOKEN"), std::string("sallyport-secret:s")));
}

}  // namespace
}  // namespace sallyport
