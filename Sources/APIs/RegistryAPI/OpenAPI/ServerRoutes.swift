import HTTPServing

/// What everybody may know of the server: the API's description and the certificate to trust.
enum ServerRoutes {
  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/openapi.json") { _, _ in
      HTTPResponse(contentType: "application/json", bytes: try APIDocument.encoded())
    }
    router.on(.GET, "/api/v1/ca") { _, api in
      HTTPResponse(contentType: "application/x-pem-file", bytes: Array(api.authority.utf8))
    }
  }
}
