// What the kernel says of a thread: /proc/self/task/TID/status and stat.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace tapedeck::topology {

struct ThreadFacts {
  std::string name;
  std::string cpus_allowed;  // as the kernel lists them: "0", "0-3,8"
  unsigned cpu = 0;          // that it ran on last
  int rt_priority = 0;
  int policy = 0;
};

inline ThreadFacts facts_of(const std::filesystem::path& task) {
  ThreadFacts facts;
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    const std::string value = line.substr(std::min(line.find('\t') + 1, line.size()));
    if (line.starts_with("Name:")) facts.name = value;
    if (line.starts_with("Cpus_allowed_list:")) facts.cpus_allowed = value;
  }
  std::ifstream stat(task / "stat");
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  // Field 2 is the name in parentheses; the fields behind it count from 3.
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  facts.cpu = static_cast<unsigned>(std::stoul(fields.at(39 - 3)));
  facts.rt_priority = std::stoi(fields.at(40 - 3));
  facts.policy = std::stoi(fields.at(41 - 3));
  return facts;
}

inline ThreadFacts facts_of_this_thread() { return facts_of("/proc/thread-self"); }

}  // namespace tapedeck::topology
