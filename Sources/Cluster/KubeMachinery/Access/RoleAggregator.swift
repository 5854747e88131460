import HTTPServing

/// Keeps the rules of cluster roles that are put together from others. Source: Kubernetes *Aggregated ClusterRoles*.
public struct RoleAggregator: Sendable {
  private static let manager = "clusterrole-aggregation-controller"

  private let service: ObjectService
  private let kind: Kind

  /// Nil where the catalog has no cluster roles.
  public init?(_ service: ObjectService) {
    guard let kind = service.catalog.kind(ResourceName(group: AccessPolicy.group, resource: "clusterroles")) else {
      return nil
    }
    self.service = service
    self.kind = kind
  }

  /// Works after each change of a cluster role, until cancelled. Throws where it cannot; it may be called again then.
  public func follow(now: @Sendable () -> Timestamp) async throws {
    var revision = try await settle(at: now())
    while true {
      let slice = try await service.store.events(of: kind.resource, in: nil, after: revision)
      revision = slice.events.isEmpty ? slice.revision : try await settle(at: now())
    }
  }

  /// Changes what has to be changed; returns the revision that was looked at.
  @discardableResult
  func settle(at now: Timestamp) async throws -> Int64 {
    let (roles, revision) = try await service.store.collect(ListRequest(kind.resource)) { try $0.value() }
    var options = WriteOptions()
    options.fieldManager = Self.manager
    for role in RoleAggregation.changes(roles) {
      do {
        _ = try await service.update(kind, in: "", role.meta.name, .whole, role, options, at: now)
      } catch let error as StatusError where error.code == 409 || error.code == 404 {
        // Changed or gone since: that change is one of those to come.
        continue
      }
    }
    return revision
  }
}
