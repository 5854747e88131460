/// Which token server may be given a registry's credentials (ATT-023).
enum TokenRules {
  /// Suffixes below which strangers have hosts of their own: there only the very same host is trusted.
  private static let sharedSuffixes = [
    "amazonaws.com", "azurecr.io", "azurewebsites.net", "cloudfront.net", "github.io", "gitlab.io", "herokuapp.com",
    "pkg.dev", "run.app", "web.app", "appspot.com", "workers.dev", "pages.dev", "netlify.app", "vercel.app",
    "fly.dev", "onrender.com", "ngrok.io", "ngrok-free.app",
  ]
  /// Second-level names that countries use like top-level ones.
  private static let secondLevel: Set<Substring> = [
    "ac", "co", "com", "edu", "gob", "gouv", "gov", "govt", "mil", "ne", "net", "nom", "or", "org", "sch",
  ]

  /// Whether credentials for `registry` may go to `realm`.
  /// - Parameter extra: hosts that the settings trust for this registry.
  static func mayTakeCredentials(realm: WireURL, registry: WireURL, extra: [String]) -> Bool {
    if realm.host == registry.host {
      // A registry that is spoken to by plain text has been named insecure; its token server on the same host may be so, too.
      return realm.scheme == .https || registry.scheme == .http
    }
    guard realm.scheme == .https else { return false }
    if extra.contains(where: { RegistrySettings.matches($0, realm.host) || $0 == realm.authority }) { return true }
    guard registry.scheme == .https, let one = domain(realm.host), let other = domain(registry.host) else {
      return false
    }
    return one == other
  }

  /// The domain that one owner has (`docker.io` of `auth.docker.io`); nil for addresses, single names and shared suffixes.
  static func domain(_ host: String) -> String? {
    guard AddressZone(address: host) == nil else { return nil }
    guard !sharedSuffixes.contains(where: { host == $0 || host.hasSuffix("." + $0) }) else { return nil }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty }), let top = labels.last else { return nil }
    var count = 2
    if top.utf8.count == 2, secondLevel.contains(labels[labels.count - 2]) { count = 3 }
    guard labels.count >= count else { return nil }
    return labels.suffix(count).joined(separator: ".")
  }
}
