// OAuth 2.0 Form Post Response Mode, section 2: the browser submits the form by itself.
document.getElementById("response").submit();
