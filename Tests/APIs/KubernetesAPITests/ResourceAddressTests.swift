import Testing

@testable import KubernetesAPI

@Suite struct ResourceAddressTests {
  @Test(
    arguments: [
      ("/api/v1/pods", ["", "v1", nil, "pods", nil, nil]),
      ("/api/v1/namespaces", ["", "v1", nil, "namespaces", nil, nil]),
      ("/api/v1/namespaces/a", ["", "v1", nil, "namespaces", "a", nil]),
      ("/api/v1/namespaces/a/status", ["", "v1", nil, "namespaces", "a", "status"]),
      ("/api/v1/namespaces/a/finalize", ["", "v1", nil, "namespaces", "a", "finalize"]),
      ("/api/v1/namespaces/a/pods", ["", "v1", "a", "pods", nil, nil]),
      ("/api/v1/namespaces/a/pods/p", ["", "v1", "a", "pods", "p", nil]),
      ("/api/v1/namespaces/a/pods/p/log", ["", "v1", "a", "pods", "p", "log"]),
      ("/apis/apps/v1/deployments", ["apps", "v1", nil, "deployments", nil, nil]),
      ("/apis/apps/v1/namespaces/a/deployments/d/scale", ["apps", "v1", "a", "deployments", "d", "scale"]),
    ] as [(String, [String?])])
  func addressesAreTakenApart(_ path: String, _ expected: [String?]) throws {
    let address = try #require(ResourceAddress(segments(path)))
    #expect(
      [address.group, address.version, address.namespace, address.resource, address.name, address.subresource]
        == expected)
  }

  @Test(arguments: [
    "/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/foo/v1/pods", "/api/v1/pods/", "/api//pods",
    "/api/v1/namespaces/a/pods/p/log/more", "/api/v1/namespaces//pods", "/apis//v1/pods",
  ])
  func othersAreNone(_ path: String) {
    #expect(ResourceAddress(segments(path)) == nil)
  }

  private func segments(_ path: String) -> [String] {
    path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }
}
