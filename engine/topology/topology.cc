#include "engine/topology/topology.h"

#include <algorithm>

namespace tapedeck::topology {
namespace {

template <class Things, class Member, class Key>
auto find(const Things& things, Member member, const Key& key) -> decltype(things.data()) {
  const auto found = std::ranges::find(things, key, member);
  return found == things.end() ? nullptr : &*found;
}

}  // namespace

const Cpu* Topology::find_cpu(unsigned number) const { return find(cpus, &Cpu::number, number); }
const Node* Topology::find_node(unsigned number) const { return find(nodes, &Node::number, number); }
const Nic* Topology::find_nic(const std::string& nic) const { return find(nics, &Nic::name, nic); }

}  // namespace tapedeck::topology
