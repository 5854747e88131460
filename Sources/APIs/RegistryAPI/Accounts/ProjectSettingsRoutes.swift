import Accounts
import HTTPServing
import Model
import Registry

/// Settings of a project (quota, immutable tags, retention), what it uses, and the run of its retention rules.
enum ProjectSettingsRoutes {
  /// What is sent and shown; patterns that are left out stand for everything.
  private struct Settings: Codable, DescribedBody {
    static let schema = "Settings"

    struct Immutability: Codable, Sendable {
      var repositories: String?
      var tags: String?
    }
    struct Retention: Codable, Sendable {
      var repositories: String?
      var tags: String?
      var keepNewest: Int?
      var keepDays: Int?
      var untaggedDays: Int?
    }
    var quotaBytes: Int64?
    var immutability: [Immutability]?
    var retention: [Retention]?

    init(_ settings: ProjectSettings) {
      quotaBytes = settings.quotaBytes
      immutability = settings.immutability.map { Immutability(repositories: $0.repositories, tags: $0.tags) }
      retention = settings.retention.map {
        Retention(
          repositories: $0.repositories, tags: $0.tags, keepNewest: $0.keepNewest, keepDays: $0.keepDays,
          untaggedDays: $0.untaggedDays)
      }
    }

    var immutabilityRules: [ImmutabilityRule] {
      (immutability ?? []).map { ImmutabilityRule(repositories: $0.repositories ?? "*", tags: $0.tags ?? "*") }
    }

    var retentionRules: [RetentionRule] {
      (retention ?? []).map {
        RetentionRule(
          repositories: $0.repositories ?? "*", tags: $0.tags ?? "*", keepNewest: $0.keepNewest, keepDays: $0.keepDays,
          untaggedDays: $0.untaggedDays)
      }
    }
  }

  private struct Usage: Encodable {
    var usedBytes: Int64
    var quotaBytes: Int64?
  }

  /// One tag, or one manifest without a tag, and what retention does with it.
  private struct Decision: Encodable {
    var repository: String
    var tag: String?
    var digest: String
    var isKept: Bool
    var reason: String
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/projects/{name}/settings") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .manageProject, in: name)
      return try ManagementAPI.json(Settings(api.registry.project(name).settings))
    }
    router.on(.PUT, "/api/v1/projects/{name}/settings") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .manageProject, in: name)
      let wish = try await api.body(Settings.self, of: call)
      let settings = try api.registry.changeProject(name) { settings in
        try setQuota(wish.quotaBytes, of: &settings, isAdministrator: api.accounts.isAdministrator(call.principal))
        settings.immutability = wish.immutabilityRules
        settings.retention = wish.retentionRules
      }
      api.note(call, "project settings changed", name)
      return try ManagementAPI.json(Settings(settings))
    }
    router.on(.GET, "/api/v1/projects/{name}/usage") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .pull, in: name)
      let project = try api.registry.project(name)
      return try ManagementAPI.json(Usage(usedBytes: project.usedBytes, quotaBytes: project.settings.quotaBytes))
    }
    router.on(.POST, "/api/v1/projects/{name}/retention") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .manageProject, in: name)
      try await api.requireNoBody(call)
      let isDryRun = try flag("dryRun", call)
      let decisions = try api.registry.applyRetention(to: name, isDryRun: isDryRun)
      if !isDryRun { api.note(call, "retention applied", name) }
      return try ManagementAPI.json(
        decisions.map {
          Decision(
            repository: $0.repository.description, tag: $0.tag, digest: $0.digest.description, isKept: $0.isKept,
            reason: $0.reason)
        })
    }
  }

  /// A parameter that is `true`, `false` or not there; what deletes does not guess.
  static func flag(_ name: String, _ call: ManagementAPI.Call) throws -> Bool {
    switch call.request.query[name] {
    case nil, "false": return false
    case "true", "": return true
    case let other?:
      throw PlatformError(.invalidArgument, "parameter '\(name)': '\(other.prefix(40))' is neither true nor false")
    }
  }

  /// Quotas are the platform's: others send the one that is set, or none, and leave it as it is.
  private static func setQuota(_ quota: Int64?, of settings: inout ProjectSettings, isAdministrator: Bool) throws {
    if isAdministrator {
      settings.quotaBytes = quota
    } else if let quota, quota != settings.quotaBytes {
      throw PlatformError(.forbidden, "field 'quotaBytes': only administrators of the server change quotas")
    }
  }
}
