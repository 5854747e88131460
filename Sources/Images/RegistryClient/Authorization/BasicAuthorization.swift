import FoundationEssentials

/// The value of `Authorization` for a user's name and password (RFC 7617).
func basicAuthorization(_ user: String, _ password: String) -> String {
  "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
}
