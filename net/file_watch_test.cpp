#include "net/file_watch.hpp"

#include "net/loopback_test.hpp"

#include <boost/asio/co_spawn.hpp>

#include <cstdlib>
#include <fstream>
#include <string_view>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "file-watch-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    path = pattern;
  }
  ~TemporaryDirectory() { fs::remove_all(path); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  fs::path path;
};

void write(const fs::path& file, std::string_view text) {
  std::ofstream(file) << text;
}

struct FileWatchTest : ::testing::TestWithParam<FileWatchOptions::Means> {
  FileWatchTest() {
    write(file, "one");
    options.means = GetParam();
    options.settle = std::chrono::milliseconds(10);
    options.poll_interval = std::chrono::milliseconds(10);
  }

  Task<> wait(FileWatch& watch) {
    co_await watch.changed();
    seen = true;
  }

  // Whether the watch tells of what `act` does while it waits.
  template <class Act>
  void expect_seen(const fs::path& watched, Act act) {
    FileWatch watch(context, {watched}, options);
    Timer later(context.get_executor(), std::chrono::milliseconds(20));
    later.async_wait([&](error_code) { act(); });
    testing::run_to_end(context, wait(watch));
    EXPECT_TRUE(seen);
  }

  TemporaryDirectory directory;
  fs::path file = directory.path / "policy.yaml";
  FileWatchOptions options;
  asio::io_context context;
  bool seen = false;
};

TEST_P(FileWatchTest, SeesAWriteInPlace) {
  expect_seen(file, [this] { write(file, "two"); });
}

TEST_P(FileWatchTest, SeesAnAtomicRename) {
  expect_seen(file, [this] {
    write(directory.path / "new", "two");
    fs::rename(directory.path / "new", file);
  });
}

TEST_P(FileWatchTest, SeesARemoval) {
  expect_seen(file, [this] { fs::remove(file); });
}

TEST_P(FileWatchTest, SeesAFileThatIsMadeLater) {
  expect_seen(directory.path / "later", [this] { write(directory.path / "later", "now"); });
}

// As mounted configuration is swapped: file -> ..data/file, ..data -> a directory of each version.
TEST_P(FileWatchTest, F_01_SeesASwappedLinkToADirectory) {
  const fs::path root = directory.path;
  fs::create_directory(root / "v1");
  fs::create_directory(root / "v2");
  write(root / "v1/config", "one");
  write(root / "v2/config", "two");
  fs::create_symlink("v1", root / "current");
  fs::create_symlink("current/config", root / "config");
  expect_seen(root / "config", [&] {
    fs::create_symlink("v2", root / "next");
    fs::rename(root / "next", root / "current");
  });
}

TEST_P(FileWatchTest, SeesAWriteBehindALink) {
  fs::create_directory(directory.path / "elsewhere");
  write(directory.path / "elsewhere/real", "one");
  fs::create_symlink("elsewhere/real", directory.path / "link");
  expect_seen(directory.path / "link", [this] { write(directory.path / "elsewhere/real", "three"); });
}

TEST_P(FileWatchTest, SeesAChangeMadeBeforeItWaited) {
  FileWatch watch(context, {file}, options);
  write(file, "longer than before");
  testing::run_to_end(context, wait(watch));
  EXPECT_TRUE(seen);
}

TEST_P(FileWatchTest, IsNotMovedByItsNeighbours) {
  FileWatch watch(context, {file}, options);
  asio::co_spawn(context, wait(watch), [](std::exception_ptr) {});
  write(directory.path / "neighbour", "text");
  context.run_for(std::chrono::milliseconds(60));
  EXPECT_FALSE(seen);
}

INSTANTIATE_TEST_SUITE_P(Means, FileWatchTest,
                         ::testing::Values(FileWatchOptions::Means::notify, FileWatchOptions::Means::poll),
                         [](const auto& row) {
                           return row.param == FileWatchOptions::Means::notify ? "Notify" : "Poll";
                         });

TEST(FileWatch, PollsWhereADirectoryCannotBeWatched) {
  asio::io_context context;
  TemporaryDirectory directory;
  const FileWatch watch(context, {directory.path / "missing" / "file"});
  EXPECT_TRUE(watch.polling());
}

}  // namespace
}  // namespace sallyport
