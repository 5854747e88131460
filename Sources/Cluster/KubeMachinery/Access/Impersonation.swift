/// Acting as somebody else, as the headers `Impersonate-…` ask for. Source: Kubernetes *User impersonation*.
public struct Impersonation: Sendable, Equatable {
  public let user: String
  public let groups: [String]
  public let uid: String
  /// Keys in lower case.
  public let extra: [String: [String]]

  public init(user: String, groups: [String] = [], uid: String = "", extra: [String: [String]] = [:]) {
    self.user = user
    self.groups = groups
    self.uid = uid
    self.extra = extra
  }

  private var serviceAccount: (namespace: String, name: String)? {
    guard user.hasPrefix(Subject.serviceAccountPrefix) else { return nil }
    let parts = user.dropFirst(Subject.serviceAccountPrefix.count).split(
      separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, NameRule.label.problems(String(parts[0])).isEmpty,
      NameRule.subdomain.problems(String(parts[1])).isEmpty
    else { return nil }
    return (String(parts[0]), String(parts[1]))
  }

  /// What the requester has to be allowed, all of it.
  public func requests(by requester: Requester) -> [AccessRequest] {
    func ask(_ group: String, _ resource: String, _ name: String, _ namespace: String = "", _ sub: String = "")
      -> AccessRequest
    {
      AccessRequest(
        requester, "impersonate",
        .resource(
          .init(group: group, resource: resource, subresource: sub, namespace: namespace, name: name)))
    }
    let authentication = "authentication.k8s.io"
    var requests =
      if let account = serviceAccount {
        [ask("", "serviceaccounts", account.name, account.namespace)]
      } else { [ask("", "users", user)] }
    requests += groups.map { ask("", "groups", $0) }
    if !uid.isEmpty { requests.append(ask(authentication, "uids", uid)) }
    for (key, values) in extra.sorted(by: { $0.key < $1.key }) {
      requests += values.map { ask(authentication, "userextras", $0, "", key) }
    }
    return requests
  }

  /// Who the request comes from when it is allowed.
  public var requester: Requester {
    var groups = groups
    if groups.isEmpty, let account = serviceAccount {
      groups = ["system:serviceaccounts", "system:serviceaccounts:\(account.namespace)"]
    }
    let isKnown = groups.contains(Requester.authenticated) || groups.contains(Requester.unauthenticated)
    if user == Requester.anonymous.name {
      if !isKnown { groups.append(Requester.unauthenticated) }
    } else if !isKnown {
      groups.append(Requester.authenticated)
    }
    return Requester(name: user, groups: groups, uid: uid, extra: extra)
  }
}
