import HTTPServing
import Model
import OCITypes
import Registry

/// The one place where errors become statuses and codes of the distribution API.
///
/// Source: OCI distribution specification 1.1, *Error codes*; codes beyond it are those of the Docker registry.
enum RegistryErrorMap {
  static let mapper = ErrorMapper(contentType: "application/json", classify: classify, body: body)

  struct Body: Encodable {
    struct Entry: Encodable {
      var code: String
      var message: String
      var detail: Detail?
    }
    struct Detail: Encodable {
      var digest: String
    }
    var errors: [Entry]
  }

  static func answer(_ error: RegistryError) -> (status: HTTPStatus, code: String) {
    switch error.code {
    case .nameInvalid: (.badRequest, "NAME_INVALID")
    case .nameUnknown: (.notFound, "NAME_UNKNOWN")
    case .tagInvalid: (.badRequest, "TAG_INVALID")
    case .digestInvalid: (.badRequest, "DIGEST_INVALID")
    case .sizeInvalid: (.badRequest, "SIZE_INVALID")
    case .blobUnknown: (.notFound, "BLOB_UNKNOWN")
    case .manifestUnknown: (.notFound, "MANIFEST_UNKNOWN")
    case .manifestInvalid: (.badRequest, "MANIFEST_INVALID")
    case .manifestTooLarge: (.payloadTooLarge, "MANIFEST_INVALID")
    case .manifestBlobUnknown: (.notFound, "MANIFEST_BLOB_UNKNOWN")
    case .uploadUnknown: (.notFound, "BLOB_UPLOAD_UNKNOWN")
    case .uploadInvalid: (.badRequest, "BLOB_UPLOAD_INVALID")
    case .uploadTooLarge: (.payloadTooLarge, "SIZE_INVALID")
    case .rangeInvalid: (.rangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
    case .quotaExceeded: (.forbidden, "DENIED")
    case .tooManyUploads: (.tooManyRequests, "TOOMANYREQUESTS")
    case .tagImmutable: (.conflict, "DENIED")
    case .inUse: (.methodNotAllowed, "UNSUPPORTED")
    case .settingInvalid: (.badRequest, "UNSUPPORTED")
    }
  }

  static func response(_ error: RegistryError) -> HTTPResponse {
    let (status, code) = answer(error)
    let entries =
      error.missing.isEmpty
      ? [Body.Entry(code: code, message: error.message)]
      : error.missing.prefix(1_000).map { digest in
        Body.Entry(
          code: code, message: "'\(digest)' is not in the repository", detail: .init(digest: digest.description))
      }
    return response(status, entries)
  }

  static func response(_ status: HTTPStatus, code: String, _ message: String) -> HTTPResponse {
    response(status, [Body.Entry(code: code, message: message)])
  }

  private static func response(_ status: HTTPStatus, _ entries: [Body.Entry]) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", bytes: encode(entries))
  }

  private static func encode(_ entries: [Body.Entry]) -> [UInt8] {
    // Text that came from outside is a string like any other to the encoder; nothing here can fail to be written.
    (try? ImageDocuments.encode(Body(errors: entries))) ?? Array(#"{"errors":[{"code":"UNKNOWN"}]}"#.utf8)
  }

  // MARK: - For what is refused outside the routes

  static func body(_ status: HTTPStatus, _ message: String) -> [UInt8] {
    encode([Body.Entry(code: code(of: status), message: message)])
  }

  static func code(of status: HTTPStatus) -> String {
    switch status {
    case .unauthorized: "UNAUTHORIZED"
    case .forbidden: "DENIED"
    case .tooManyRequests: "TOOMANYREQUESTS"
    case .methodNotAllowed, .notImplemented, .notFound: "UNSUPPORTED"
    case .payloadTooLarge: "SIZE_INVALID"
    case .serviceUnavailable: "UNAVAILABLE"
    default: "UNKNOWN"
    }
  }

  /// Nil for what no caller can make sense of: the server then logs it and answers 500 with a request id.
  static func classify(_ error: any Error) -> (status: HTTPStatus, message: String)? {
    switch error {
    case let error as RegistryError: return (answer(error).status, error.message)
    case let error as PlatformError:
      switch error.code {
      case .invalidArgument: return (.badRequest, error.message)
      case .notFound: return (.notFound, error.message)
      case .conflict: return (.conflict, error.message)
      case .forbidden: return (.forbidden, error.message)
      case .unauthenticated: return (.unauthorized, error.message)
      case .resourceExhausted: return (.insufficientStorage, error.message)
      case .notImplemented: return (.notImplemented, error.message)
      case .unavailable: return (.serviceUnavailable, error.message)
      case .notModified, .cancelled, .internal: return nil
      }
    default: return nil
    }
  }
}
