// Posts this page's form to the provider. The form has an ID token, which must stand in no address.
"use strict";

document.forms[0].submit();
