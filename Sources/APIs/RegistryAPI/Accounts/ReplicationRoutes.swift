import Accounts
import HTTPServing
import Model
import Replication

extension ReplicationPeer: DescribedBody {
  static let schema = "Peer"
}

extension ReplicationRule: DescribedBody {
  static let schema = "Rule"
}

/// `/api/v1/replication`: peers, rules and their runs, for administrators.
enum ReplicationRoutes {
  static func add(to router: inout Router<ManagementAPI.Handler>) {
    addPeers(to: &router)
    addRules(to: &router)
  }

  private static func addPeers(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/replication/peers") { call, api in
      try api.requireAdministrator(call)
      return try ManagementAPI.json(try api.replication.peers().map(withoutPassword))
    }
    router.on(.PUT, "/api/v1/replication/peers/{name}") { call, api in
      try api.requireAdministrator(call)
      let peer = try await api.body(ReplicationPeer.self, of: call)
      try requireSame(peer.name, call)
      try api.replication.setPeer(peer)
      try api.cache.reload()
      api.note(call, "replication peer set", peer.name)
      return try ManagementAPI.json(withoutPassword(peer))
    }
    router.on(.DELETE, "/api/v1/replication/peers/{name}") { call, api in
      try api.requireAdministrator(call)
      try api.replication.removePeer(call.parameters["name"])
      api.note(call, "replication peer removed", call.parameters["name"])
      return HTTPResponse(status: .noContent)
    }
  }

  private static func addRules(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/replication/rules") { call, api in
      try api.requireAdministrator(call)
      return try ManagementAPI.json(try api.replication.rules())
    }
    router.on(.PUT, "/api/v1/replication/rules/{name}") { call, api in
      try api.requireAdministrator(call)
      let rule = try await api.body(ReplicationRule.self, of: call)
      try requireSame(rule.name, call)
      _ = try api.accounts.project(rule.project)
      if rule.direction == .pull, try api.replication.cacheProject(rule.project) != nil {
        throw PlatformError(.conflict, "project '\(rule.project)' is a cache, into which nothing is copied")
      }
      try api.replication.setRule(rule)
      api.note(call, "replication rule set", rule.name)
      return try ManagementAPI.json(rule)
    }
    router.on(.DELETE, "/api/v1/replication/rules/{name}") { call, api in
      try api.requireAdministrator(call)
      try api.replication.removeRule(call.parameters["name"])
      api.note(call, "replication rule removed", call.parameters["name"])
      return HTTPResponse(status: .noContent)
    }
    router.on(.POST, "/api/v1/replication/rules/{name}/run") { call, api in
      try api.requireAdministrator(call)
      try await api.requireNoBody(call)
      api.note(call, "replication run", call.parameters["name"])
      return try ManagementAPI.json(try await api.replicator.run(call.parameters["name"]))
    }
    router.on(.GET, "/api/v1/replication/rules/{name}/executions") { call, api in
      try api.requireAdministrator(call)
      let rule = try api.replication.rule(call.parameters["name"])
      return try ManagementAPI.json(try api.replication.executions(of: rule.name))
    }
  }

  private static func withoutPassword(_ peer: ReplicationPeer) -> ReplicationPeer {
    var peer = peer
    peer.password = nil
    return peer
  }

  private static func requireSame(_ name: String, _ call: ManagementAPI.Call) throws {
    guard name == call.parameters["name"] else {
      throw PlatformError(.invalidArgument, "field 'name': '\(name.prefix(80))' is not the name in the path")
    }
  }
}
