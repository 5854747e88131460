import Accounts
import KubeMachinery
import KubernetesAPI

/// Who holds a bearer token: a service account of the cluster, or a user of the platform by one of his access tokens.
struct BearerHolders: Sendable {
  /// How access tokens begin.
  private static let accessTokenPrefix = "bht_"

  let serviceAccounts: ServiceAccountTokens
  let accounts: AccountStore

  func identity(_ token: String, audiences: [String], from address: String?) async throws -> BearerIdentity? {
    guard token.hasPrefix(Self.accessTokenPrefix) else {
      return try await serviceAccounts.identity(token, audiences: audiences)
    }
    let audience = serviceAccounts.audience
    // A token for pulls or pushes alone is none for a cluster.
    guard audiences.isEmpty || audiences.contains(audience),
      let principal = accounts.recall(name: "", password: token, from: address)?.principal,
      case .token(let id, let user) = principal, try accounts.token(id).scope == .all
    else { return nil }
    let groups = accounts.isAdministrator(principal) ? [ClusterContents.administrators] : []
    return BearerIdentity(
      Requester(name: user, groups: groups + [Requester.authenticated]), audiences: [audience])
  }
}
