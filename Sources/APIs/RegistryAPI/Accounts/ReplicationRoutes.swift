import Accounts
import HTTPServing
import Model
import Replication

/// `/api/v1/replication`: peers, rules and their runs, for administrators.
enum ReplicationRoutes {
  /// A peer as it is sent. The name is that of the path.
  private struct NewPeer: DescribedBody {
    static let schema = "Peer"

    var name: String?
    var host: String
    var user: String?
    var password: String?
    var isInsecure: Bool?

    func peer(_ name: String) -> ReplicationPeer {
      ReplicationPeer(name: name, host: host, user: user, password: password, isInsecure: isInsecure)
    }
  }

  /// A rule as it is sent. What is left out is as in a rule that says nothing more: all repositories and tags, below the same
  /// path, when somebody asks for it.
  private struct NewRule: DescribedBody {
    static let schema = "Rule"

    var name: String?
    var direction: ReplicationRule.Direction
    var peer: String
    var project: String
    var remotePath: String?
    var repositories: [String]?
    var tags: [String]?
    var trigger: ReplicationRule.Trigger?
    var replacesTags: Bool?
    var isEnabled: Bool?

    func rule(_ name: String) -> ReplicationRule {
      var rule = ReplicationRule(
        name: name, direction: direction, peer: peer, project: project, remotePath: remotePath ?? project)
      rule.repositories = repositories ?? rule.repositories
      rule.tags = tags ?? rule.tags
      rule.trigger = trigger ?? rule.trigger
      rule.replacesTags = replacesTags ?? rule.replacesTags
      rule.isEnabled = isEnabled ?? rule.isEnabled
      return rule
    }
  }

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
      let new = try await api.body(NewPeer.self, of: call)
      let peer = new.peer(try name(new.name, call))
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
      let new = try await api.body(NewRule.self, of: call)
      let rule = new.rule(try name(new.name, call))
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

  /// The name in the path, which the body may repeat.
  private static func name(_ given: String?, _ call: ManagementAPI.Call) throws -> String {
    let name = call.parameters["name"]
    if let given, given != name {
      throw PlatformError(.invalidArgument, "field 'name': '\(given.prefix(80))' is not the name in the path")
    }
    return name
  }
}
